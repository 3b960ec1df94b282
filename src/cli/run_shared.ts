// `sandbox run` in a network that is there already: what it is, and which ids are there, decides on the root file system as well.
import { subordinateRanges } from "../host/subordinate_ranges.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import type { Parsed } from "./command.ts";
import { resolveRootfs, runIn } from "./commands/run.ts";
import type { ListenRequest } from "./run_listen.ts";
import { sharedNetwork, withSharedIds } from "./shared_network.ts";

export async function runShared(
  asked: Parsed,
  lookups: HostLookups,
  listening: ListenRequest | undefined,
): Promise<number> {
  const shared = sharedNetwork(asked.values.get("--net")?.[0] ?? "", lookups);
  const parsed = withSharedIds(asked, shared, () => subordinateRanges(lookups.uid, lookups.env.PATH));
  return runIn(await resolveRootfs(parsed, lookups), parsed, lookups, listening, { shared });
}
