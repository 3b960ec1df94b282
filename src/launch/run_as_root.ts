// This same program once more, as root inside a new user namespace that has all of the caller's ids: files of subordinate ids can be
// made, read and removed there and nowhere else. The process is no sandbox: it sees and can do what the caller can, and
// only its own ids are others. It gets one message, the descriptors that this names, and answers in one line.
import { Fd } from "../../ffi/fd.ts";
import { O_RDONLY, open, readAll, writeAll } from "../../ffi/file.ts";
import { launch } from "../../ffi/launch.ts";
import { pipe } from "../../ffi/pipe.ts";
import { SIGKILL, waitFor } from "../../ffi/process.ts";
import { CLONE } from "../plan/constants.ts";
import { planExecute } from "../plan/plan_execute.ts";
import { Program } from "../plan/program.ts";
import { named, type Step } from "../plan/step.ts";
import type { IdMapping } from "../spec/spec.ts";
import { encodePlan } from "./encode_plan.ts";
import { idMapper } from "./id_mapper.ts";
import { abandon, type LaunchFailure, parseReport } from "./launch_plan.ts";

export type AsRootOptions = {
  /** Root inside must be the caller; the others are its subordinate ids. */
  readonly maps: { readonly uid: readonly IdMapping[]; readonly gid: readonly IdMapping[] };
  /** What the program is started with: a command of ours, and two descriptors are appended, MESSAGE and ANSWER. */
  readonly argv: readonly string[];
  readonly message: string;
  /** Descriptors that it inherits, under the same numbers. */
  readonly keep: readonly number[];
  /** The caller's PATH, in which newuidmap is looked for. */
  readonly hostPath: string;
  /** Absolute path of the program; /proc/self/exe, this one, by default. */
  readonly program?: string;
};

export type AsRootResult = { readonly kind: "answered"; readonly answer: string } | LaunchFailure;

/** PIPE_BUF of limits.h is what a pipe surely takes; Linux' pipes take 16 pages (pipe(7)), and this writes before anybody reads. */
const LARGEST_MESSAGE = 4096;
const PR_SET_PDEATHSIG = 1;

/** Runs it to its end. Everything that it was given stays the caller's to close. */
export async function runAsRoot(options: AsRootOptions): Promise<AsRootResult> {
  if (options.message.length > LARGEST_MESSAGE) throw new RangeError(`a message of ${options.message.length} bytes`);
  using channels = new Channels();
  using program = open(options.program ?? "/proc/self/exe", O_RDONLY);
  const steps = asRootSteps(options, channels, program.number);
  const encoded = encodePlan(steps);
  const child = launch({
    cloneFlags: CLONE.CLONE_NEWUSER,
    steps: encoded.bytes,
    count: encoded.count,
    statusFd: channels.status.write.number,
  });
  if (child.kind === "failed") return { kind: "clone", flags: ["CLONE_NEWUSER"], errno: child.errno };
  using _pidfd = new Fd(child.pidfd);
  channels.closeTheirs();
  const failure = release(child.pid, options, channels) ?? started(steps, channels);
  if (failure) return abandon(child.pid, failure);
  writeAll(channels.message.write.number, "the message", new TextEncoder().encode(options.message));
  channels.message.write.close();
  const answer = await new Response(Bun.file(channels.answer.read.number).stream()).text();
  const exitCode = waitFor(child.pid);
  return exitCode === 0 ? { kind: "answered", answer } : { kind: "lost", exitCode };
}

class Channels implements Disposable {
  readonly status = pipe("status");
  readonly release = pipe("release");
  readonly message = pipe("message");
  readonly answer = pipe("answer");

  closeTheirs(): void {
    for (const fd of [this.status.write, this.release.read, this.message.read, this.answer.write]) fd.close();
  }

  /** Of the parent: closed first in the child, so that the parent's death is an end of file there. */
  get ours(): readonly number[] {
    return [this.status.read, this.release.write, this.message.write, this.answer.read].map(({ number }) => number);
  }

  [Symbol.dispose](): void {
    this.closeTheirs();
    for (const fd of [this.status.read, this.release.write, this.message.write, this.answer.read]) fd.close();
  }
}

function asRootSteps({ argv, keep }: AsRootOptions, channels: Channels, program: number): readonly Step[] {
  const aim = { kind: "release" } as const;
  const steps = new Program();
  const [message, answer] = [channels.message.read.number, channels.answer.write.number];
  for (const fd of channels.ours) steps.add(aim, "close", [fd]);
  const byte = { kind: "bytes", content: new Uint8Array(1), shown: "&byte" } as const;
  steps.add(aim, "read", [named(channels.release.read.number, "release"), byte, 1]);
  // The caller's own groups are mapped nowhere inside, and would still be tested for access.
  const user = { kind: "user", uid: 0, gid: 0 } as const;
  steps.add(user, "setgroups", [0, 0]);
  steps.add(user, "setresgid", [0, 0, 0]);
  steps.add(user, "setresuid", [0, 0, 0]);
  steps.add({ kind: "die-with-parent" }, "prctl", [
    named(PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"),
    named(SIGKILL, "SIGKILL"),
    0,
    0,
    0,
  ]);
  // The standard ones are the terminal's, for an error of the runtime's.
  planExecute(steps, program, [...argv, String(message), String(answer)], [message, answer, ...keep]);
  return steps.steps;
}

function release(pid: number, { maps, hostPath }: AsRootOptions, channels: Channels): LaunchFailure | undefined {
  const failure = idMapper(hostPath)(pid, maps);
  if (failure === undefined) writeAll(channels.release.write.number, "release", new Uint8Array(1));
  return failure;
}

/** Nothing on the status pipe until its end, which execveat brings: it runs. */
function started(steps: readonly Step[], channels: Channels): LaunchFailure | undefined {
  const report = readAll(channels.status.read.number, "status", 4096);
  return report.length === 0 ? undefined : parseReport(steps, [], report);
}
