// `sandbox ps`: what runs.
import { Group } from "../../cgroup/group.ts";
import type { SandboxState } from "../../state/sandbox_state.ts";
import { ageText } from "../amounts.ts";
import type { Parsed } from "../command.ts";
import { print } from "../print.ts";
import { printJson } from "../print_json.ts";
import { openRegistry, type RunningSandbox } from "../running_sandbox.ts";
import { coloursOn } from "../say.ts";
import { type Column, tableText } from "../table_text.ts";

type Row = RunningSandbox & { readonly status: "creating" | "running" | "paused" };

const LONGEST_COMMAND = 60;

export function ps({ switches }: Parsed): number {
  const rows = openRegistry().all.flatMap(({ id, state }): readonly Row[] =>
    state ? [{ id, state, status: isFrozen(state) ? "paused" : state.status }] : [],
  );
  if (switches.has("--json")) return printJson(rows.map(jsonOf));
  const now = Date.now();
  print(tableText(columns(now), rows, coloursOn(1, process.env)));
  return 0;
}

function isFrozen({ cgroup }: SandboxState): boolean {
  if (cgroup === undefined) return false;
  try {
    using group = Group.open(cgroup);
    return /^frozen 1$/m.test(group.read("cgroup.events") ?? "");
  } catch {
    // It has gone a moment ago.
    return false;
  }
}

function jsonOf({ id, state: { name, created, init, command }, status }: Row) {
  return { id, name: name ?? null, status, created, pid: init?.pid ?? null, command };
}

const columns = (now: number): readonly Column<Row>[] => [
  { title: "ID", cell: ({ id }) => id },
  { title: "NAME", cell: ({ state }) => state.name ?? "-" },
  { title: "STATE", cell: ({ status }) => status },
  { title: "STARTED", cell: ({ state }) => ageText(Date.parse(state.created), now) },
  { title: "PID", cell: ({ state }) => String(state.init?.pid ?? "-"), right: true },
  { title: "COMMAND", cell: ({ state }) => shortened(state.command.join(" ")) },
];

function shortened(text: string): string {
  return text.length > LONGEST_COMMAND ? `${text.slice(0, LONGEST_COMMAND - 1)}…` : text;
}
