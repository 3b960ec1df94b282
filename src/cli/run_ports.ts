// --publish and --publish-all: ports of the host's that lead into the sandbox. They are bound before anything of it runs, so that a
// port that cannot be had is told while there is nothing to undo.
import type { Fd } from "../../ffi/fd.ts";
import { localEndpoint } from "../../ffi/socket.ts";
import type { ExposedPort, RunDefaults } from "../../rootfs-builder/oci/run_defaults.ts";
import { type FaultError, requestFault, usageFault } from "../base/fault.ts";
import { bindPort } from "../net/outbound/bind_port.ts";
import { formatEndpoint } from "../net/wire/ip_address.ts";
import type { Parsed } from "./command.ts";
import { DEFAULT_NET } from "./default_net.ts";
import { flagReader } from "./flag_reader.ts";
import { leastDescriptor } from "./least_descriptor.ts";
import { noPorts } from "./no_ports.ts";
import { DEFAULT_ADDRESS, type PublishedPort, parsePublish } from "./parse/publish.ts";
import { portReason } from "./port_reason.ts";

export type HostPort = PublishedPort & { readonly socket: Fd };

export type AskedPorts = {
  readonly ports: readonly PublishedPort[];
  /** One line each, for the user. */
  readonly notes: readonly string[];
};

/** What the command line asks for; `image`: whose ports --publish-all means. */
export function publishedPorts(parsed: Parsed, image: RunDefaults | undefined, hasNetwork: boolean): AskedPorts {
  const flag = flagReader(parsed);
  const named = flag.all("--publish").flatMap((text) => parsePublish(text));
  const all = flag.has("--publish-all");
  if (!hasNetwork && (all || named.length > 0)) {
    const { cause, hint } = noPorts(flag.one("--net") ?? DEFAULT_NET);
    throw usageFault(`Cannot publish ports (${named.length > 0 ? "--publish" : "--publish-all"})`, cause, hint);
  }
  if (!all) return { ports: named, notes: [] };
  const exposed = image?.exposedPorts ?? [];
  return { ports: [...named, ...exposedPorts(exposed, named)], notes: leftOut(exposed) };
}

function leftOut(exposed: readonly ExposedPort[]): readonly string[] {
  if (exposed.length === 0) return ["nothing to publish (--publish-all): the root file system names no ports"];
  const sctp = exposed.filter(({ protocol }) => protocol === "sctp");
  return sctp.map(({ first, last }) => `not published: ${first === last ? first : `${first}-${last}`}/sctp`);
}

/** Those that an image names, on ports that the kernel chooses; but those that were published by name. */
function exposedPorts(exposed: readonly ExposedPort[], named: readonly PublishedPort[]): readonly PublishedPort[] {
  return exposed.flatMap(({ first, last, protocol }) => {
    if (protocol === "sctp") return [];
    const ports = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    return ports
      .filter((port) => !named.some((other) => other.sandboxPort === port && other.protocol === protocol))
      .map((sandboxPort) => ({ address: DEFAULT_ADDRESS, hostPort: 0, sandboxPort, protocol }));
  });
}

/**
 * All, or a fault that names the one that cannot be had. Descriptors that the command is given (`preserved`) are not among them. `flag`: what
 * stands before a port on the command line.
 */
export function bindPorts(ports: readonly PublishedPort[], preserved: number, flag = "-p "): readonly HostPort[] {
  const bound: HostPort[] = [];
  for (const port of ports) {
    const result = bindPort(port.protocol, { address: port.address, port: port.hostPort });
    if (result.kind === "failed") {
      for (const { socket } of bound) socket.close();
      throw bindFault(port, result.errno, flag);
    }
    bound.push({ ...port, socket: result.socket.raised(leastDescriptor(preserved)) });
  }
  return bound;
}

/** `published 127.0.0.1:40213 -> 80/tcp`, of those that the kernel chose. */
export function chosenPorts(ports: readonly HostPort[]): readonly string[] {
  return ports.filter(({ hostPort }) => hostPort === 0).map((port) => `published ${boundPort(port)}`);
}

/** `127.0.0.1:40213 -> 80/tcp`. */
export function boundPort({ socket, address, sandboxPort, protocol }: HostPort): string {
  return `${formatEndpoint(address, localEndpoint(socket.number).port)} -> ${sandboxPort}/${protocol}`;
}

function bindFault(port: PublishedPort, errno: number, flag: string): FaultError {
  const { address, hostPort, sandboxPort, protocol } = port;
  const inside = `${sandboxPort}${protocol === "udp" ? "/udp" : ""}`;
  const mends = { chosen: `${flag}:${inside}`, higher: `${flag}${hostPort + 8000}:${inside}` };
  const { cause, hint } = portReason({ address, port: hostPort, protocol }, errno, mends);
  return requestFault(`Cannot publish ${sandboxPort}/${protocol} at ${formatEndpoint(address, hostPort)}`, cause, hint);
}
