// `sandbox port ls [SANDBOX]`.
import { formatEndpoint, formatIpAddress } from "../../net/wire/ip_address.ts";
import type { PortPair } from "../../state/control_message.ts";
import type { Parsed } from "../command.ts";
import { print } from "../print.ts";
import { printJson } from "../print_json.ts";
import { findSandbox, openRegistry, type Registry, type RunningSandbox } from "../running_sandbox.ts";
import { SandboxPorts } from "../sandbox_ports.ts";
import { coloursOn, note } from "../say.ts";
import { type Column, tableText } from "../table_text.ts";

type Row = { readonly sandbox: RunningSandbox; readonly port: PortPair };

export function portLs({ positionals: [word], switches }: Parsed): number {
  const registry = openRegistry();
  const sandboxes = word === undefined ? withPorts(registry) : [findSandbox(registry, word)];
  const rows = sandboxes.flatMap((sandbox): readonly Row[] => {
    using ports = new SandboxPorts(registry, sandbox);
    return ports.list().map((port) => ({ sandbox, port }));
  });
  if (switches.has("--json")) return printJson(rows.map(jsonOf));
  if (registry.all.length === 0) note("no sandbox that has a name or published ports is running");
  print(tableText(COLUMNS, rows, coloursOn(1, process.env)));
  return 0;
}

function withPorts({ all }: Registry): readonly RunningSandbox[] {
  return all.flatMap(({ id, state }) => (state?.network.mode === "slirp" ? [{ id, state }] : []));
}

function jsonOf({ sandbox: { id, state }, port }: Row) {
  const { address, hostPort, sandboxPort, protocol } = port;
  return { id, name: state.name ?? null, address: formatIpAddress(address), hostPort, sandboxPort, protocol };
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "ID", cell: ({ sandbox }) => sandbox.id },
  { title: "NAME", cell: ({ sandbox }) => sandbox.state.name ?? "-" },
  { title: "HOST", cell: ({ port }) => formatEndpoint(port.address, port.hostPort) },
  { title: "SANDBOX", cell: ({ port }) => `${port.sandboxPort}/${port.protocol}` },
];
