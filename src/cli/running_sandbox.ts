// The sandbox that a word of the command line names: by its name, its id, or the beginning of that.
import { type FaultError, requestFault } from "../base/fault.ts";
import { hostLookups } from "../host/read_lookups.ts";
import { matchSandbox } from "../state/find_sandbox.ts";
import { type Registered, registered } from "../state/registry.ts";
import { openRuntimeFolder, type RuntimeFolder } from "../state/runtime_folder.ts";
import type { SandboxState } from "../state/sandbox_state.ts";
import { SANDBOXES } from "./run_registration.ts";
import { visible } from "./visible.ts";

export type RunningSandbox = { readonly id: string; readonly state: SandboxState };
export type Registry = { readonly root: RuntimeFolder; readonly all: readonly Registered[] };

const MOST_NAMED = 10;

/** Those that run; what crashed ones have left is gone. */
export function openRegistry(): Registry {
  const root = openRuntimeFolder(hostLookups(process.env), SANDBOXES);
  return { root, all: registered(root) };
}

export function findSandbox({ all }: Registry, word: string): RunningSandbox {
  const match = matchSandbox(all, word);
  switch (match.kind) {
    case "none":
      throw notFound(word, runningHint(all));
    case "several":
      throw notFound(word, `several ids begin so: ${match.ids.join(", ")}`, "more than one is meant");
    case "one":
      return known(match.sandbox);
  }
}

/** Its name, else its id. */
export function shownName({ id, state }: Registered): string {
  return state?.name ?? id;
}

function known({ id, state }: Registered): RunningSandbox {
  if (state) return { id, state };
  throw requestFault(
    `Cannot read the state of the sandbox ${id}`,
    "another version of sandbox wrote it",
    "use that one",
  );
}

function notFound(word: string, hint: string, cause = "none of that name or id is running"): FaultError {
  return requestFault(`Cannot find the sandbox ${visible(word)}`, cause, hint);
}

function runningHint(all: readonly Registered[]): string {
  if (all.length === 0) return "none at all is: start one with sandbox run --name NAME";
  const more = all.length > MOST_NAMED ? `, and ${all.length - MOST_NAMED} more` : "";
  return `running are: ${all.slice(0, MOST_NAMED).map(shownName).join(", ")}${more}`;
}
