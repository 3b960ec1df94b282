// This same program once more, for one run of its own: with the words, variables and descriptors that it is given, and gone when
// this process is. Everything else is as for any child: the same user, folder and namespaces.
import { Fd } from "../../ffi/fd.ts";
import { O_RDONLY, open } from "../../ffi/file.ts";
import { Launch } from "../../ffi/launch.ts";
import { address } from "../../ffi/libc.ts";
import { pipe } from "../../ffi/pipe.ts";
import { SIGKILL, waitFor } from "../../ffi/process.ts";
import { Program } from "../plan/program.ts";
import { flags, named, type Step } from "../plan/step.ts";
import { awaitExec } from "./await_exec.ts";
import { encodePlan } from "./encode_plan.ts";
import { type LaunchFailure, parseReport } from "./launch_plan.ts";

export type Instance = { readonly kind: "running"; readonly pid: number; readonly pidfd: Fd };

export type InstanceOptions = {
  readonly argv: readonly string[];
  /** `NAME=value` each. */
  readonly env: readonly string[];
  /** [number there, descriptor here]; but for 0 to 2, nothing else is inherited. */
  readonly descriptors: readonly (readonly [number, Fd])[];
};

const FIRST = 3;
const CLOSE_RANGE_CLOEXEC = 4;
const F_SETFL = 4;
const PR_SET_PDEATHSIG = 1;
const SIG_SETMASK = 2;

/** Returns when the program has been executed, or could not be. The descriptors here stay the caller's to close. */
export function startInstance(options: InstanceOptions): Instance | LaunchFailure {
  using channels = new Channels(Math.max(FIRST, ...options.descriptors.map(([there]) => there + 1)));
  const steps = instanceSteps(options, channels);
  const { bytes, count } = encodePlan(steps);
  const plan = new Launch({ cloneFlags: 0, statusFd: channels.write.number });
  plan.hold(bytes);
  plan.add(address(bytes), count);
  plan.release();
  const child = plan.start();
  channels.closeTheirs();
  const report = child.kind === "started" ? awaitExec(channels.read.number) : undefined;
  plan.forget();
  if (child.kind === "failed") return { kind: "clone", flags: [], errno: child.errno };
  const pidfd = new Fd(child.pidfd);
  if (report === undefined) return { kind: "running", pid: child.pid, pidfd };
  pidfd.close();
  const exitCode = waitFor(child.pid);
  return report.length === 0 ? { kind: "lost", exitCode } : parseReport(steps, [], report);
}

/** The status pipe and the program, under numbers that are none the child is to have. */
class Channels implements Disposable {
  readonly read: Fd;
  readonly write: Fd;
  readonly program: Fd;

  constructor(least: number) {
    const { read, write } = pipe("status");
    this.read = read;
    this.write = write.raised(least);
    this.program = open("/proc/self/exe", O_RDONLY).raised(least);
  }

  closeTheirs(): void {
    this.write.close();
    this.program.close();
  }

  [Symbol.dispose](): void {
    this.closeTheirs();
    this.read.close();
  }
}

function instanceSteps({ argv, env, descriptors }: InstanceOptions, channels: Channels): readonly Step[] {
  const aim = { kind: "descriptors" } as const;
  const steps = new Program();
  steps.add(aim, "close", [channels.read.number]);
  // A terminal's signals go to the group that listens, which passes on what is meant: not to each instance as well.
  steps.add({ kind: "session" }, "setsid", []);
  steps.add({ kind: "die-with-parent" }, "prctl", [
    named(PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"),
    named(SIGKILL, "SIGKILL"),
    0,
    0,
    0,
  ]);
  // "Ready" (await_exec.ts). A parent that went before the signal was asked for has closed the other end, which is EPIPE: descriptors
  // go before the signal is sent.
  const ready = { kind: "bytes", content: new Uint8Array(4), shown: "ready" } as const;
  steps.add({ kind: "die-with-parent" }, "write", [channels.write.number, ready, 4]);
  steps.add(aim, "close_range", [FIRST, 0xffffffff, named(CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC")]);
  for (const [there, here] of descriptors) {
    steps.add(aim, "dup3", [here.number, there, 0]);
    // As systemd has it (NonBlocking=no): programs that are handed a socket expect one that blocks.
    steps.add(aim, "fcntl", [there, named(F_SETFL, "F_SETFL"), 0]);
  }
  const none = { kind: "bytes", content: new Uint8Array(8), shown: "[]" } as const;
  steps.add(aim, "rt_sigprocmask", [named(SIG_SETMASK, "SIG_SETMASK"), none, 0, 8]);
  steps.add({ kind: "init" }, "execveat", [
    channels.program.number,
    "",
    { kind: "strings", list: argv },
    { kind: "strings", list: env },
    flags({ AT_EMPTY_PATH: 0x1000 }, "AT_EMPTY_PATH"),
  ]);
  return steps.steps;
}
