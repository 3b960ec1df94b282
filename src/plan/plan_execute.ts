// execveat(2) of an open program in a child of ours, which does the rest by itself: with its signals let through, and without the parent's descriptors,
// half of which are none of its business.
import type { Program } from "./program.ts";
import { flags, named } from "./step.ts";

const SIG_SETMASK = 2;
const F_SETFD = 2;
const CLOSE_RANGE_CLOEXEC = 4;
const ALL_DESCRIPTORS = 0xffffffff;

/** `keep`: descriptors that go along with 0 to 2, under the same numbers. Its environment is empty. */
export function planExecute(steps: Program, program: number, argv: readonly string[], keep: readonly number[]): void {
  const aim = { kind: "release" } as const;
  const none = { kind: "bytes", content: new Uint8Array(8), shown: "[]" } as const;
  steps.add(aim, "rt_sigprocmask", [named(SIG_SETMASK, "SIG_SETMASK"), none, 0, 8]);
  steps.add(aim, "close_range", [3, ALL_DESCRIPTORS, named(CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC")]);
  for (const fd of keep) steps.add(aim, "fcntl", [fd, named(F_SETFD, "F_SETFD"), 0]);
  steps.add({ kind: "init" }, "execveat", [
    program,
    "",
    { kind: "strings", list: argv },
    { kind: "strings", list: [] },
    flags({ AT_EMPTY_PATH: 0x1000 }, "AT_EMPTY_PATH"),
  ]);
}
