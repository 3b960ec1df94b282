// One line of the doctor's report.

import { mendContext } from "../../host/explain_userns_failure.ts";
import type { HostFacts } from "../../host/host_facts.ts";
import { type MendContext, type ProblemId, problem } from "../../host/mends.ts";

/** `fail`: no sandbox can run. `warn`: something that can be asked for cannot be had. `info`: a fact, neither good nor bad. */
export type FindingState = "ok" | "warn" | "fail" | "info";

export type Finding = {
  /** Stable, for scripts: dotted, lower case. */
  readonly id: string;
  readonly title: string;
  readonly state: FindingState;
  /** What was found on this machine. */
  readonly detail: string;
  /** What that means for a sandbox. */
  readonly meaning: string;
  /** What to do about it; several lines are commands in order. */
  readonly mend?: string;
};

/** Finds one concern's lines in the facts. */
export type Finder = (facts: HostFacts) => readonly Finding[];

export function ok(id: string, title: string, detail: string, meaning: string): Finding {
  return { id, title, state: "ok", detail, meaning };
}

export function info(id: string, title: string, detail: string, meaning: string): Finding {
  return { id, title, state: "info", detail, meaning };
}

/** A finding with the meaning and mend of `problemId`. */
export function trouble(
  state: "warn" | "fail",
  [id, title, detail]: readonly [id: string, title: string, detail: string],
  problemId: ProblemId,
  facts: HostFacts,
  more: Partial<MendContext> = {},
): Finding {
  return { id, title, state, detail, ...problem(problemId, contextOf(facts, more)) };
}

function contextOf(facts: HostFacts, more: Partial<MendContext>): MendContext {
  return { ...mendContext(facts), os: facts.os.family, freeStart: facts.subids.freeStart, ...more };
}
