// The rules for what may leave, read before anything starts: all that is wrong with them is one fault.
import { FaultError } from "../base/fault.ts";
import { parsePolicy } from "../net/policy/parse_policy.ts";
import type { NetworkPolicy } from "../net/policy/policy.ts";
import { parseIpAddress } from "../net/wire/ip_address.ts";
import type { UserNetwork } from "../spec/spec.ts";

export function egressPolicy({ rules, hostLoopback, ipv4, ipv6 }: UserNetwork): NetworkPolicy {
  const gateways = [ipv4, ipv6].flatMap((addresses) => parseIpAddress(addresses?.gateway ?? "") ?? []);
  const parsed = parsePolicy({ ...rules, gateways, hostLoopback });
  if (parsed.kind === "policy") return parsed.policy;
  const [first, ...others] = parsed.problems;
  const more = others.map(({ what, cause }) => `also: ${what}: ${cause}`);
  const hint = [first.hint, ...more].filter((line) => line !== "").join("\n");
  throw new FaultError({ exitCode: 2, what: first.what, cause: first.cause, hint });
}
