// `run --explain`: the Spec as JSON and the plan as system calls, one a line.
import { resourceFiles } from "../cgroup/resource_files.ts";
import { dryPlan, type Filters } from "../launch/start.ts";
import type { PlanFacts } from "../plan/facts.ts";
import type { Argument, Step } from "../plan/step.ts";
import type { Spec } from "../spec/spec.ts";
import { print } from "./print.ts";

export function explain(spec: Spec, facts: PlanFacts, filters: Filters): number {
  const plan = dryPlan(spec, facts, filters);
  const maps = plan.helperMaps
    ? ["# supervisor: newuidmap and newgidmap write the id maps, then one byte releases the child"]
    : [];
  const group = spec.sandbox.cgroup ? groupLines(spec) : [];
  const lines = plan.steps.map((step, index) => `${String(index).padStart(4)}  ${showStep(step)}`);
  print(
    `${[
      JSON.stringify(spec, (_, value) => (value === Number.POSITIVE_INFINITY ? "unlimited" : value), 2),
      "",
      `      clone3({CLONE_VM|CLONE_PIDFD|${plan.cloneFlags.join("|")}})`,
      ...group,
      ...maps,
      ...lines,
    ].join("\n")}\n`,
  );
  return 0;
}

function groupLines({ linux }: Spec): readonly string[] {
  const files = resourceFiles(linux.resources ?? {}).map(({ file, content }) => `${file} = ${content}`);
  return [
    `# supervisor: has a control group made and moves the child there${files.map((line) => `\n#   ${line}`).join("")}`,
  ];
}

/** `tree = open_tree(AT_FDCWD, "/usr", OPEN_TREE_CLONE)   # EEXIST is no failure`. */
export function showStep({ call, args, out, tolerate, skip = 0 }: Step): string {
  const result = out ? `${out.name} = ` : "";
  const passed = skip > 0 ? `, and passes over ${skip} steps` : "";
  const tolerated = tolerate ? `   # ${tolerate.join(", ")} is no failure${passed}` : "";
  return `${result}${call}(${args.map(showArgument).join(", ")})${tolerated}`;
}

function showArgument(argument: Argument): string {
  if (typeof argument === "number") return String(argument);
  if (typeof argument === "string") return JSON.stringify(argument);
  switch (argument.kind) {
    case "named":
      return argument.shown;
    case "register":
      return argument.name;
    case "bytes":
      return argument.shown;
    case "inside":
      return `${argument.of.shown}+${argument.at}`;
    case "strings":
      return argument.shown ?? JSON.stringify(argument.list);
  }
}
