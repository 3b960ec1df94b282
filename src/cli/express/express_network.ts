// Which network a command line of the short way has, and what the plan takes for it.
import { searchDomains } from "../../net/dns/search_domains.ts";
import { NO_NETWORK_RESOLVER } from "../../spec/root_mounts.ts";
import { lateNetworkVariable } from "../../supervisor/late_network.ts";
import type { Parsed } from "../command.ts";
import { DEFAULT_NET } from "../default_net.ts";
import { resolverText } from "../resolver_text.ts";
import { coloursOn } from "../say.ts";
import { RESOLVER_BYTES } from "./look_sizes.ts";
import type { PlanMemory } from "./plan_memory.ts";
import { DEFAULT_NETWORK, NAMESERVERS } from "./prebuilt_network.ts";

export type ExpressNetwork = "slirp" | "none";

/** `undefined` for one that only the long way knows. */
export function networkOf({ values }: Parsed): ExpressNetwork | undefined {
  const text = values.get("--net")?.[0] ?? DEFAULT_NET;
  return text === "slirp" || text === "none" ? text : undefined;
}

/** resolv.conf(5) inside; `false` where the host's is longer than was looked at. */
export function fillResolver(memory: PlanMemory, network: ExpressNetwork): boolean {
  const length = memory.result("resolver");
  if (length >= RESOLVER_BYTES) return false;
  const host = network === "none" || length < 0 ? "" : memory.textIn("resolver", length);
  const text = network === "none" ? NO_NETWORK_RESOLVER : resolverText(NAMESERVERS, searchDomains(host));
  memory.fillText("resolver", text);
  memory.fill("resolver length", text.length);
  return true;
}

/** The groups that may ping (icmp(7)): `first` to `last`. */
export function fillPingGroups(memory: PlanMemory, first: number, last: number): void {
  const text = `${first} ${last}`;
  memory.fillText("pingGroups", text);
  memory.fill("pingGroups length", text.length);
}

/** What the waiter gets along for the stack. */
export function networkVariable(env: NodeJS.ProcessEnv): string {
  return lateNetworkVariable({ ...DEFAULT_NETWORK, colour: coloursOn(2, env) });
}
