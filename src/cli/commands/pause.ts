// `sandbox pause SANDBOX` and `sandbox resume SANDBOX`: cgroup.freeze.
import { requestFault } from "../../base/fault.ts";
import type { Parsed } from "../command.ts";
import { sandboxGroup } from "../sandbox_group.ts";

/** Milliseconds. A process in an uninterruptible call freezes when that is over. */
const PATIENCE = 10_000;

export function pause({ positionals: [word = ""] }: Parsed): number {
  return freeze(word, "pause", "1");
}

export function resume({ positionals: [word = ""] }: Parsed): number {
  return freeze(word, "resume", "0");
}

function freeze(word: string, verb: "pause" | "resume", content: "0" | "1"): number {
  const { name, group } = sandboxGroup(word, verb);
  using owned = group;
  if (owned.changed("cgroup.freeze", content, `frozen ${content}`, PATIENCE, () => performance.now())) return 0;
  throw requestFault(
    `Cannot ${verb} the sandbox ${name}`,
    `some of its processes have not followed for ${PATIENCE / 1000} seconds`,
    "they wait for a device or a network file system: ps -eo pid,stat,wchan,cmd | grep D",
  );
}
