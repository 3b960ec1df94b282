// Whether a rule speaks of a name, an address, a port.
import { contains, type IpAddress } from "../wire/ip_address.ts";
import { isFoldedPrefix, type Readings } from "./fold_address.ts";
import type { PolicyRule } from "./policy.ts";

export function matchesPort({ ports }: PolicyRule, port: number): boolean {
  return port >= ports.first && port <= ports.last;
}

/** `name` in its one spelling, see domainName. */
export function matchesName({ target }: PolicyRule, name: string): boolean {
  if (target.kind === "name") return target.name === name;
  return target.kind === "subdomains" && name.endsWith(`.${target.domain}`);
}

export function isNameRule({ target }: PolicyRule): boolean {
  return target.kind === "name" || target.kind === "subdomains";
}

/** What forbids an address forbids each form of it. */
export function forbidsAddress({ target }: PolicyRule, address: IpAddress, readings: Readings): boolean {
  if (target.kind !== "prefix") return false;
  return contains(target.prefix, address) || readings.some((reading) => contains(target.prefix, reading));
}

/** What allows an address allows what it folds to; `::/0` says nothing of IPv4 by way of NAT64, `64:ff9b::/96` does. */
export function allowsAddress({ target }: PolicyRule, address: IpAddress, readings: Readings): boolean {
  if (target.kind !== "prefix") return false;
  if (readings.every((reading) => contains(target.prefix, reading))) return true;
  return isFoldedPrefix(target.prefix) && contains(target.prefix, address);
}
