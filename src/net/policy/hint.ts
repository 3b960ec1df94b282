// The flag that would let a flow go: the narrowest, a name where our DNS knows one.
import { formatIpAddress, type IpAddress } from "../wire/ip_address.ts";
import type { PolicyRule } from "./policy.ts";

export function allowName(name: string, port: number): string {
  return `--allow-net ${port === 0 ? name : `${name}:${port}`}`;
}

export function allowAddress(address: IpAddress, port: number): string {
  const text = formatIpAddress(address);
  if (port === 0) return `--allow-net ${text}`;
  return `--allow-net ${address.family === 6 ? `[${text}]` : text}:${port}`;
}

/** A denial wins over what allows, so that no further flag helps. */
export function withoutRule(rule: PolicyRule): string {
  return `leave out the rule ${rule.text}`;
}

export const HOST_LOOPBACK_HINT = "--net slirp:host-loopback";
