// The end of a `run` whose supervisor was the waiter: this program, started again by it in its own place (ffi/stage/waiter.c).
import { endingOf } from "../supervisor/ending.ts";
import { endSandbox } from "./end_sandbox.ts";

/** `text`: the sandbox's exit code. */
export function runEnded(text: string): number {
  const exitCode = Number.parseInt(text, 10);
  const ending = endingOf(process.env);
  if (ending) endSandbox(ending, exitCode);
  return exitCode;
}
