// Which command; the only place that sets the exit code. Everything but the short way of `run` is loaded when it is asked for.
import { exitNow } from "../ffi/process.ts";
import { SyscallError } from "../ffi/syscall_error.ts";
import { type Fault, FaultError, usageFault } from "./base/fault.ts";
import { expressRun } from "./cli/express/express_run.ts";
import { coloursOn, sayFault } from "./cli/say.ts";

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === "run") await expressRun(argv);
  // `run-again` is what the waiter calls where the short way has failed (ffi/stage/waiter.c).
  if (name === "run" || name === "run-again") return (await import("./cli/commands/run.ts")).run(rest);
  // So is this, with the first frame of a command's network (ffi/stage/first_frame.h).
  if (name === "serve-network") return (await import("./cli/serve_network.ts")).serveNetwork(rest[0] ?? "");
  // And this, at the end of one that has limits or is to tell what it has used.
  if (name === "run-ended") return (await import("./cli/run_ended.ts")).runEnded(rest[0] ?? "");
  // `--net NAME`, the second time (src/cli/join_network.ts).
  if (name === "run-member") return (await import("./cli/commands/run_member.ts")).runMember(rest);
  return (await import("./cli/dispatch.ts")).dispatch(name, rest);
}

function faultOf(error: unknown): Fault {
  if (error instanceof FaultError) return error.fault;
  if (error instanceof SyscallError)
    return { exitCode: 125, what: `Cannot ${error.call} ${error.object}`, cause: error.message, hint: "" };
  if (error instanceof RangeError) return usageFault("Cannot go on", error.message).fault;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exitCode: 125, what: "Cannot go on", cause: text, hint: "this is a bug in sandbox: please report it" };
}

try {
  exitNow(await main(process.argv.slice(2)));
} catch (error) {
  const fault = faultOf(error);
  sayFault(fault, coloursOn(2, process.env));
  exitNow(fault.exitCode);
}
