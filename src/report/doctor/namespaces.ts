// What a live child could do in namespaces of its own. A step that fails is explained by everything else that is known.
import { errnoName } from "../../../ffi/errno.ts";
import { explainUsernsFailure } from "../../host/explain_userns_failure.ts";
import type { HostFacts } from "../../host/host_facts.ts";
import type { ProbeName } from "../../host/probe_programs.ts";
import type { Finder, Finding, FindingState } from "./finding.ts";

type Row = {
  readonly probe: ProbeName;
  readonly title: string;
  readonly meaning: string;
  /** How bad it is when it fails. */
  readonly failing: FindingState;
};

const ROWS: readonly Row[] = [
  {
    probe: "user",
    title: "User namespace",
    meaning: "a sandbox has rights of its own, without root outside",
    failing: "fail",
  },
  { probe: "mount", title: "Mount namespace", meaning: "a sandbox has a file tree of its own", failing: "fail" },
  {
    probe: "pivot",
    title: "Changing the root",
    meaning: "nothing of the machine's tree stays reachable",
    failing: "fail",
  },
  {
    probe: "network",
    title: "Network namespace",
    meaning: "a sandbox is off the network, with a loopback of its own",
    failing: "fail",
  },
  { probe: "hostname", title: "UTS namespace", meaning: "a sandbox has a host name of its own", failing: "fail" },
  {
    probe: "ipc",
    title: "IPC namespace",
    meaning: "a sandbox shares no memory and queues with others",
    failing: "fail",
  },
  { probe: "proc", title: "Fresh /proc", meaning: "a sandbox sees its own processes only", failing: "warn" },
  {
    probe: "cgroup",
    title: "Cgroup namespace",
    meaning: "a sandbox does not see where in the tree of groups it is",
    failing: "warn",
  },
  { probe: "sysfs", title: "Fresh /sys", meaning: "a sandbox sees its own network devices only", failing: "warn" },
  { probe: "time", title: "Time namespace", meaning: "a sandbox can have boot clocks of its own", failing: "warn" },
];

/** When the user namespace itself fails, the others have nothing of their own to say; nor has one that fails for a reason told before. */
export const findNamespaces: Finder = (facts) => {
  const rows = facts.probes.user.kind === "failed" ? ROWS.slice(0, 1) : ROWS;
  const findings = rows.map((row) => judge(facts, row));
  return findings.filter(({ mend, meaning }, index) => {
    const told = findings.slice(0, index).some((earlier) => earlier.meaning === meaning);
    return mend === undefined || !told;
  });
};

function judge(facts: HostFacts, { probe, title, meaning, failing }: Row): Finding {
  const id = `namespace.${probe}`;
  const result = facts.probes[probe];
  switch (result.kind) {
    case "ok":
      return { id, title, state: "ok", detail: "works", meaning };
    case "skipped":
      return { id, title, state: "info", detail: `not tried: ${result.why}`, meaning };
    case "failed": {
      const { cause, hint } = explainUsernsFailure(facts, result.step, result.errno);
      const detail = `${result.call} gave ${errnoName(result.errno)} at step ${result.step}`;
      return { id, title, state: failing, detail, meaning: cause, mend: hint };
    }
  }
}
