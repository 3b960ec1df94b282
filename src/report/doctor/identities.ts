// More than one user in a sandbox: helpers, ranges, and a range that was really mapped.
import type { HostFacts } from "../../host/host_facts.ts";
import type { HelperName } from "../../host/id_map_helpers.ts";
import { type SubidRange, selfOverlapping, totalIds, USUAL_COUNT } from "../../host/subids.ts";
import { type Finder, type Finding, info, ok, trouble } from "./finding.ts";

export const findIdentities: Finder = (facts) => [
  account(facts),
  helper(facts, "newuidmap"),
  helper(facts, "newgidmap"),
  ranges(facts),
  ...overlaps(facts),
  mapped(facts),
];

function account({ identity: { uid, gid }, userName }: HostFacts): Finding {
  const detail = `uid ${uid}, gid ${gid}, ${userName ?? "in no passwd file and no directory service"}`;
  return info("ids.account", "Account", detail, "a sandbox can always map this one id");
}

function helper(facts: HostFacts, name: HelperName): Finding {
  const state = facts.helpers[name];
  const [id, title] = [`ids.${name}`, name] as const;
  switch (state.kind) {
    case "ready":
      return ok(id, title, `${state.path}, by ${state.by}`, "maps a range of ids for this user");
    case "missing":
      return trouble("warn", [id, title, "not found on PATH"], "helper-missing", facts, { helper: name });
    case "powerless":
      return trouble("warn", [id, title, `${state.path} would not work: ${state.why}`], `helper-${state.why}`, facts, {
        helper: name,
        path: state.path,
      });
  }
}

function ranges(facts: HostFacts): Finding {
  const { service, ranges } = facts.subids;
  const [uids, gids] = [totalIds(ranges.uids), totalIds(ranges.gids)];
  const detail = `uids ${shown(ranges.uids)}; gids ${shown(ranges.gids)}${service === "files" ? "" : ` (from ${service})`}`;
  const subject = ["ids.ranges", "Subordinate ids", detail] as const;
  if (uids === 0 || gids === 0)
    return trouble("warn", subject, service === "files" ? "subids-missing" : "subids-service-empty", facts);
  if (Math.min(uids, gids) < USUAL_COUNT) return trouble("warn", subject, "subids-short", facts);
  return ok(...subject, "a sandbox can have many users");
}

function shown(ranges: readonly SubidRange[]): string {
  return ranges.map(({ start, count }) => `${start}-${start + count - 1}`).join(", ") || "none";
}

function overlaps(facts: HostFacts): readonly Finding[] {
  const { ranges, foreign } = facts.subids;
  const shared = foreign.map(({ owner, start, count }) => `${owner} has ${start}-${start + count - 1} too`);
  const twice = selfOverlapping(ranges.uids) || selfOverlapping(ranges.gids) ? ["own ranges overlap each other"] : [];
  const detail = [...twice, ...shared].join("; ");
  if (detail === "") return [];
  return [trouble("warn", ["ids.overlap", "Overlapping ranges", detail], "subids-overlap", facts)];
}

function mapped(facts: HostFacts): Finding {
  const result = facts.probes.range;
  switch (result.kind) {
    case "ok":
      return ok("ids.mapped", "Mapping a range", "works", "done for real, by a process that became another user");
    case "skipped":
      return info("ids.mapped", "Mapping a range", `not tried: ${result.why}`, "it takes both helpers and a range");
    case "failed":
      return trouble("warn", ["ids.mapped", "Mapping a range", `${result.call} was refused`], "range-refused", facts);
  }
}
