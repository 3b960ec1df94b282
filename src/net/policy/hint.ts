// The flag that would let a flow go: the narrowest, a name where our DNS knows one.
import { formatEndpoint, formatIpAddress, type IpAddress } from "../wire/ip_address.ts";
import type { PolicyRule } from "./policy.ts";

export function allowName(name: string, port: number): string {
  return `--allow-net ${port === 0 ? name : `${name}:${port}`}`;
}

export function allowAddress(address: IpAddress, port: number): string {
  return `--allow-net ${port === 0 ? formatIpAddress(address) : formatEndpoint(address, port)}`;
}

/** A denial wins over what allows, so that no further flag helps. */
export function withoutRule(rule: PolicyRule): string {
  return `leave out the rule ${rule.text}`;
}

export const HOST_LOOPBACK_HINT = "--net slirp:host-loopback";
