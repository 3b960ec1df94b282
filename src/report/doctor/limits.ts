// Limits of memory, CPU and processes need a control group of our own: by delegation, or from the systemd user manager.
import type { HostFacts } from "../../host/host_facts.ts";
import type { ProblemId } from "../../host/mends.ts";
import { type Finder, type Finding, info, ok, trouble } from "./finding.ts";

const [ID, TITLE] = ["cgroup.limits", "Limits"] as const;
/** In the order of how much they are missed. */
const WANTED = ["memory", "pids", "cpu", "io", "cpuset"] as const;
/** What systemd hands down by default, and without which there are no limits to speak of. */
const NEEDED: readonly string[] = ["memory", "pids"];

export const findLimits: Finder = (facts) => [limits(facts), ...missingControllers(facts), ...session(facts)];

function limits(facts: HostFacts): Finding {
  const { mode } = facts.cgroup;
  if (mode === "none") return refuse(facts, "no control groups are mounted", "cgroup-none");
  const offer = bestOffer(facts);
  return offer ? granted(offer) : refuse(facts, `control groups are ${mode}, and none is ours`, obstacle(facts));
}

type Offer = { readonly by: string; readonly there: boolean; readonly controllers: readonly string[] };

function bestOffer({ cgroup: { manager, delegated, controllers, folder } }: HostFacts): Offer | undefined {
  const offers: readonly Offer[] = [
    {
      by: "the systemd user manager",
      there: (manager.bus ?? manager.usualBus) !== undefined,
      controllers: manager.controllers ?? [],
    },
    { by: `delegation of ${folder ?? "our group"}`, there: delegated, controllers },
  ];
  return offers.find(({ there, controllers }) => there && NEEDED.every((name) => controllers.includes(name)));
}

function granted({ by, controllers }: Offer): Finding {
  const detail = `${WANTED.filter((name) => controllers.includes(name)).join(", ")}, by ${by}`;
  return ok(ID, TITLE, detail, "memory, CPU, processes and I/O of a sandbox can be limited");
}

function missingControllers(facts: HostFacts): readonly Finding[] {
  const offer = bestOffer(facts);
  const missing = WANTED.filter((name) => offer && !offer.controllers.includes(name));
  if (missing.length === 0) return [];
  return [
    trouble(
      "warn",
      ["cgroup.controllers", "Controllers", `not handed down: ${missing.join(", ")}`],
      "cgroup-controllers",
      facts,
    ),
  ];
}

function refuse(facts: HostFacts, detail: string, problem: ProblemId): Finding {
  return trouble("warn", [ID, TITLE, detail], problem, facts);
}

function obstacle({ cgroup: { mode, manager, delegated }, container }: HostFacts): ProblemId {
  if (mode !== "unified") return "cgroup-legacy";
  if (manager.bus !== undefined || delegated) return "cgroup-controllers";
  if (manager.usualBus !== undefined) return "cgroup-environment";
  return manager.systemd && !container.kind ? "cgroup-no-session" : "cgroup-not-delegated";
}

function session({ cgroup: { manager } }: HostFacts): readonly Finding[] {
  if (!manager.systemd || manager.bus === undefined) return [];
  const detail = manager.linger
    ? "stay when you log out (linger is on)"
    : "end when you log out (linger is off: loginctl enable-linger)";
  return [
    info(
      "cgroup.linger",
      "Sandboxes in the background",
      detail,
      "the user manager ends with the last login unless it lingers",
    ),
  ];
}
