// `sandbox port rm SANDBOX PORT...`: all that are named, or none.
import { requestFault } from "../../base/fault.ts";
import { equalAddresses, formatEndpoint } from "../../net/wire/ip_address.ts";
import type { PortPair } from "../../state/control_message.ts";
import type { Parsed } from "../command.ts";
import { type HostPortRange, parseHostPort } from "../parse/host_port.ts";
import { print } from "../print.ts";
import { findSandbox, openRegistry } from "../running_sandbox.ts";
import { SandboxPorts } from "../sandbox_ports.ts";

export function portRm({ positionals: [word = "", ...texts] }: Parsed): number {
  const ranges = texts.map((text) => ({ text, range: parseHostPort(text) }));
  const registry = openRegistry();
  const sandbox = findSandbox(registry, word);
  using ports = new SandboxPorts(registry, sandbox);
  const published = ports.list();
  for (const { text, range } of ranges)
    if (!isWhole(range, published))
      throw requestFault(`Cannot take back the port ${text}`, "it is not published", `see: sandbox port ls ${word}`);
  const chosen = published.filter((port) => ranges.some(({ range }) => isIn(port, range)));
  ports.remove(chosen);
  for (const { address, hostPort, sandboxPort, protocol } of chosen)
    print(`${formatEndpoint(address, hostPort)} -> ${sandboxPort}/${protocol}\n`);
  return 0;
}

/** Is each port of it published? */
function isWhole(range: HostPortRange, published: readonly PortPair[]): boolean {
  const found = new Set(published.filter((port) => isIn(port, range)).map(({ hostPort }) => hostPort));
  return found.size === range.last - range.first + 1;
}

function isIn(port: PortPair, { address, first, last, protocol }: HostPortRange): boolean {
  const isAt = address === undefined || equalAddresses(address, port.address);
  return isAt && port.protocol === protocol && port.hostPort >= first && port.hostPort <= last;
}
