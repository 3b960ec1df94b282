// What our DNS may resolve, and what it may be told in answer. An outside name whose answer is the host's loopback, its
// link, a metadata address or our own gateway is DNS rebinding: somebody else's name for a place of ours. It is not
// passed on, unless a rule lifts the denial of that address.
//
// Private addresses are what names of an intranet are for. Without rules they pass. Where rules let out some names only,
// an exact name passes too: who wrote it trusts its owner. A name let in by `*.domain` does not, unless an address rule
// covers the address: below *.amazonaws.com or *.github.dev anybody may name a host of their own choice, 10.0.0.1 too.
import { contains, equalAddresses, type IpAddress, type IpPrefix, parsePrefix } from "../wire/ip_address.ts";
import { defaultDenial, liftsDenial } from "./default_denials.ts";
import { foldAddress, type Readings } from "./fold_address.ts";
import { allowsAddress, matchesName } from "./match_rule.ts";
import type { NetworkPolicy, PolicyRule } from "./policy.ts";

/** RFC 1918, RFC 6598 (shared by carriers), RFC 4193, and RFC 3879's former site-local addresses. */
const PRIVATE: readonly IpPrefix[] = [
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "fc00::/7",
  "fec0::/10",
].flatMap((text) => parsePrefix(text) ?? []);

/** Whether a query for `name` is sent on. A rule for some ports of a name does not keep it from being resolved. */
export function allowsQuery(policy: NetworkPolicy, name: string): boolean {
  if (policy.deny.some((rule) => isForDns(rule) || (coversAllPorts(rule) && matchesName(rule, name)))) return false;
  return policy.otherwise === "allow" || policy.allow.some((rule) => isForDns(rule) || matchesName(rule, name));
}

/** Whether `address` may be told as one of `name`. */
export function admitsAddress(policy: NetworkPolicy, name: string, address: IpAddress): boolean {
  if (policy.gateways.some((gateway) => equalAddresses(gateway, address))) return false;
  const readings = foldAddress(address);
  if (readings.some((reading) => isDenied(policy, reading))) return false;
  if (policy.otherwise === "allow" || !readings.some(isPrivate)) return true;
  return isTrusted(policy, name, address, readings);
}

/** Whether what DNS says of services (SVCB and HTTPS records, RFC 9460) would take the names from our sight (ECH, QUIC). */
export function watchesNames(policy: NetworkPolicy): boolean {
  return [...policy.allow, ...policy.deny].some(({ target }) => target.kind === "name" || target.kind === "subdomains");
}

function isDenied(policy: NetworkPolicy, reading: IpAddress): boolean {
  const denial = defaultDenial(reading);
  if (!denial) return false;
  return !policy.allow.some(
    ({ target }) => target.kind === "prefix" && liftsDenial(target.prefix, denial) && contains(target.prefix, reading),
  );
}

function isPrivate(address: IpAddress): boolean {
  return PRIVATE.some((prefix) => contains(prefix, address));
}

function isTrusted(policy: NetworkPolicy, name: string, address: IpAddress, readings: Readings): boolean {
  return policy.allow.some(
    (rule) => (rule.target.kind === "name" && rule.target.name === name) || allowsAddress(rule, address, readings),
  );
}

function isForDns({ target }: PolicyRule): boolean {
  return target.kind === "dns";
}

function coversAllPorts({ ports }: PolicyRule): boolean {
  return ports.first === 0;
}
