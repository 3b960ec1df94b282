import type { PlanMemory } from "./plan_memory.ts";

/** struct rlimit: the hard limit comes second, in 64 bits each. */
const HARD_OFFSET = 8;

/**
 * The limit on open files of whoever started us, which is the user's: the runtime has raised our own. Another user's is not
 * to be seen; `false` where the two do not go together.
 */
export function takeLimit(memory: PlanMemory): boolean {
  if (memory.result("parent limit") !== 0) memory.fillSlot("nofile", "own limit");
  else if (memory.word("parent limit", HARD_OFFSET) !== memory.word("own limit", HARD_OFFSET)) return false;
  return true;
}
