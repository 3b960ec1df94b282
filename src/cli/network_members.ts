// Who is on a network, and what it is, for `network ls` and `network inspect`.
import { formatPrefix } from "../net/wire/ip_address.ts";
import { answerOf, type NetworkPlace, tell, tryConnect } from "../network/client.ts";
import type { NetworkDefinition } from "../network/definition.ts";
import type { MemberInfo } from "../network/messages.ts";

export type ShownNetwork = {
  readonly name: string;
  readonly subnet: string | null;
  readonly ipv6: string | null;
  readonly mtu: number;
  readonly internal: boolean;
  readonly hostLoopback: boolean;
  readonly members: readonly MemberInfo[];
};

export function shownNetwork(place: NetworkPlace, definition: NetworkDefinition): ShownNetwork {
  const { ipv4, ipv6, mtu, internal, hostLoopback } = definition;
  return {
    name: place.name,
    subnet: ipv4 ? formatPrefix(ipv4) : null,
    ipv6: ipv6 ? formatPrefix(ipv6) : null,
    mtu,
    internal,
    hostLoopback,
    members: membersOf(place),
  };
}

/** None where no supervisor runs. Throws NetworkError where one does and cannot be asked. */
export function membersOf({ name, networks, runtime }: NetworkPlace): readonly MemberInfo[] {
  using lock = networks.lock(name);
  using socket = lock && tryConnect(runtime);
  lock?.close();
  if (!socket) return [];
  tell(socket, { kind: "members" });
  return answerOf(socket, "members", runtime).message.members;
}
