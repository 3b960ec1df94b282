// Who is at the other end of a connection, for limits, messages and the variables of systemd.exec(5), REMOTE_ADDR and REMOTE_PORT.
import { peerEndpoint } from "../../ffi/socket.ts";
import { peerUser, socketFamily } from "../../ffi/unix_socket.ts";
import { formatEndpoint, formatIpAddress, type IpAddress, isIpv4Mapped } from "../net/wire/ip_address.ts";

export type Client = {
  /** Equal for clients that share a limit: of an IP address, of a local user (MaxConnectionsPerSource=). */
  readonly key: string;
  readonly shown: string;
  readonly variables: readonly string[];
};

/** `undefined` when it has gone already. */
export function clientOf(connection: number): Client | undefined {
  if (socketFamily(connection) === "unix") return localClient(peerUser(connection));
  const peer = peerEndpoint(connection);
  if (peer === undefined) return undefined;
  const from = unmapped(peer.address);
  const address = formatIpAddress(from);
  return {
    key: address,
    shown: formatEndpoint(from, peer.port),
    variables: [`REMOTE_ADDR=${address}`, `REMOTE_PORT=${peer.port}`],
  };
}

function localClient(uid: number | undefined): Client {
  return { key: `user ${uid}`, shown: `a process of user ${uid}`, variables: [] };
}

// A socket for both families, as systemd makes them (BindIPv6Only=default), has IPv4 clients in IPv6 form.
function unmapped(address: IpAddress): IpAddress {
  return isIpv4Mapped(address) ? { family: 4, bytes: address.bytes.slice(12) } : address;
}
