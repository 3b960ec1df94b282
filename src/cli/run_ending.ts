// --stats, --timeout: what is judged before the start and done after the end. Loaded only where one is given.
import { Fd } from "../../ffi/fd.ts";
import { O_CREAT, O_TRUNC, O_WRONLY, open } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { usageFault } from "../base/fault.ts";
import type { TimeLimit } from "../supervisor/deadline.ts";
import type { Ending } from "../supervisor/ending.ts";
import type { Parsed } from "./command.ts";
import { fileFault } from "./file_fault.ts";
import { flagReader } from "./flag_reader.ts";
import { parseDuration } from "./parse/duration.ts";

const DEFAULT_STOP = 10_000;

export function timeLimit(parsed: Parsed): TimeLimit | undefined {
  const flag = flagReader(parsed);
  const [timeout, stop] = [flag.one("--timeout"), flag.one("--stop-timeout")];
  if (timeout === undefined) {
    if (stop === undefined) return undefined;
    throw usageFault(
      "Cannot use --stop-timeout",
      "it is the time between --timeout and SIGKILL",
      "give --timeout as well",
    );
  }
  return {
    timeout: parseDuration("--timeout", timeout),
    stopTimeout: stop === undefined ? DEFAULT_STOP : parseDuration("--stop-timeout", stop),
  };
}

/** Opened before anything starts, under a number that is `least` or more. `-` is standard error. */
export function openStats(name: string, least: number): NonNullable<Ending["stats"]> {
  if (name === "-") return { fd: new Fd(2).dup(least).release(), name: "standard error" };
  try {
    return {
      fd: open(name, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        .raised(least)
        .release(),
      name,
    };
  } catch (error) {
    throw error instanceof SyscallError ? fileFault("write", name, error) : error;
  }
}
