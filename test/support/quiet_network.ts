// What a stack needs beside its device, for tests in which nothing of it matters.
import { HostsTable } from "../../src/net/dns/hosts_file.ts";
import { parseResolvConf } from "../../src/net/dns/resolv_conf.ts";
import { Egress } from "../../src/net/flow/egress.ts";
import type { NameSettings } from "../../src/net/flow/name_service.ts";
import { parsePolicy } from "../../src/net/policy/parse_policy.ts";
import type { IpAddress } from "../../src/net/wire/ip_address.ts";

/** No rules; what is denied by default is told to nobody. */
export function openEgress(gateways: readonly IpAddress[], hostLoopback = false): Egress {
  const parsed = parsePolicy({ allow: [], deny: [], gateways, hostLoopback });
  if (parsed.kind !== "policy") throw new Error(parsed.problems[0].cause);
  return new Egress(parsed.policy, { tell: () => {} });
}

/** Knows no names and asks nobody. */
export function noNames(): NameSettings {
  const { options } = parseResolvConf("");
  const nothing = new HostsTable([]);
  return { own: nothing, host: { hosts: nothing, servers: [], options }, changes: () => undefined };
}
