// Whom our resolver asks. It runs on the host, so that systemd-resolved's stub on 127.0.0.53 can be asked, and has to be
// first: only the stub knows which domain belongs to which link (a VPN's names). The servers behind it, which resolved
// writes beside, come after: they answer while resolved is restarted. Without any server the local one is asked
// (resolv.conf(5)).
import { equalAddresses, formatIpAddress, parseIpAddress } from "../wire/ip_address.ts";
import { type NameServer, parseResolvConf, type ResolvConf } from "./resolv_conf.ts";

export const RESOLV_CONF = "/etc/resolv.conf";
/** systemd-resolved.service(8): the servers it has learned itself. */
export const RESOLVED_UPSTREAM = "/run/systemd/resolve/resolv.conf";

const STUBS = ["127.0.0.53", "127.0.0.54"];
const LOCAL = ["127.0.0.1", "::1"];

/** `upstream`: the text of RESOLVED_UPSTREAM, where there is that file. */
export function chooseServers(resolvConf: string, upstream: string | undefined): ResolvConf {
  const host = parseResolvConf(resolvConf);
  if (host.servers.length === 0) return { ...host, servers: LOCAL.flatMap(serverAt) };
  if (upstream === undefined || !host.servers.some(isStub)) return host;
  const behind = parseResolvConf(upstream).servers.filter((server) => !host.servers.some((one) => isSame(one, server)));
  return { ...host, servers: [...host.servers, ...behind] };
}

function isStub({ address }: NameServer): boolean {
  return STUBS.includes(formatIpAddress(address));
}

function isSame(one: NameServer, other: NameServer): boolean {
  return equalAddresses(one.address, other.address) && one.zone === other.zone;
}

function serverAt(text: string): readonly NameServer[] {
  const address = parseIpAddress(text);
  return address ? [{ address }] : [];
}
