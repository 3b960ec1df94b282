// What a sandbox says of itself to its network before it begins: names, rules, files and ports.
import type { Fd } from "../../ffi/fd.ts";
import { S_IFMT, S_IFREG, stat } from "../../ffi/file.ts";
import { requestFault, usageFault } from "../base/fault.ts";
import { answerOf, tell } from "../network/client.ts";
import { emitMessage, LARGEST_MESSAGE, MOST_DESCRIPTORS } from "../network/messages.ts";
import type { Spec } from "../spec/spec.ts";
import { egressPolicy } from "./egress_policy.ts";
import type { Membership } from "./membership.ts";
import { onNetwork } from "./networks.ts";
import type { HostPort } from "./run_ports.ts";
import { recordFile } from "./stack_inputs.ts";

/** Hands the ports' sockets over, too. */
export function attachMember(membership: Membership, { sandbox: { network } }: Spec, ports: readonly HostPort[]): void {
  const { connection, definition, runtime } = membership;
  if (network?.member === undefined || connection === undefined)
    throw new TypeError("there is no network to attach to");
  if (definition.internal && ports.length > 0)
    throw requestFault(
      "Cannot publish ports (--publish)",
      `the network ${membership.network} is internal`,
      "join another one",
    );
  egressPolicy(network);
  const files = [network.log, network.pcap].map((name) => (name === undefined ? undefined : regularFile(name)));
  const [log, pcap] = files;
  const { allow, deny, file } = network.rules;
  const tells = allow.length + deny.length > 0 || file !== undefined;
  const message = {
    kind: "attach",
    names: network.member.names,
    rules: network.rules,
    resolver: network.names,
    ...(network.shape && { shape: network.shape }),
    tells,
    ...(network.log !== undefined && { log: network.log }),
    ...(network.pcap !== undefined && { pcap: network.pcap }),
  } as const;
  if (emitMessage(message).length > LARGEST_MESSAGE)
    throw requestFault(
      "Cannot send the rules to the network",
      `they are longer than ${LARGEST_MESSAGE} bytes`,
      "write shorter ones",
    );
  onNetwork("join", membership.network, () => {
    for (let at = 0; at < ports.length; at += MOST_DESCRIPTORS)
      handOver(connection, ports.slice(at, at + MOST_DESCRIPTORS));
    const fds = [tells ? 2 : undefined, log?.number, pcap?.number].filter((fd) => fd !== undefined);
    tell(connection, message, fds);
    answerOf(connection, "attached", runtime);
  });
  for (const fd of files) fd?.close();
}

function handOver(connection: Fd, ports: readonly HostPort[]): void {
  const described = ports.map(({ protocol, sandboxPort }) => ({ protocol, sandboxPort }));
  tell(
    connection,
    { kind: "ports", ports: described },
    ports.map(({ socket }) => socket.number),
  );
  for (const { socket } of ports) socket.close();
}

/** The network's supervisor writes to it for all members: it must not be made to wait by one that nobody reads. */
function regularFile(name: string): Fd {
  const file = name === "-" ? undefined : recordFile(name)?.fd;
  const mode = file && stat("", true, file.number)?.mode;
  if (file && mode !== undefined && (mode & S_IFMT) === S_IFREG) return file;
  file?.close();
  throw usageFault(
    `Cannot record to ${name}`,
    "on a network with others, that takes a file on a disk",
    "name a file: --net-log FILE",
  );
}
