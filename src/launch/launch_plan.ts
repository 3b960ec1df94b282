// Performs a plan: clone, id maps, release, and the child's report turned back into the step that it came from.
import { writeAll } from "../../ffi/file.ts";
import { launch } from "../../ffi/launch.ts";
import { kill, SIGKILL, waitFor } from "../../ffi/process.ts";
import { CLONE } from "../plan/constants.ts";
import type { Plan } from "../plan/plan.ts";
import type { Step } from "../plan/step.ts";
import { awaitExec } from "./await_exec.ts";
import { encodePlan } from "./encode_plan.ts";
import type { ExecChannels } from "./exec_channels.ts";

export type Launched = { readonly kind: "running"; readonly pid: number; readonly pidfd: number };

/** What went wrong, before anybody has said why. */
export type LaunchFailure =
  | { readonly kind: "clone"; readonly flags: readonly string[]; readonly errno: number }
  | { readonly kind: "step"; readonly step: Step; readonly index: number; readonly errno: number }
  | {
      readonly kind: "exec";
      readonly path: string;
      readonly errno: number;
      readonly mode: number;
      readonly head: Uint8Array;
    }
  | { readonly kind: "init"; readonly errno: number }
  | { readonly kind: "helper"; readonly program: string; readonly message: string }
  | { readonly kind: "lost"; readonly exitCode: number };

const REPORT_STEP = 1;
const REPORT_EXEC = 2;
const REPORT_INIT = 3;

export type MapIds = (pid: number, maps: NonNullable<Plan["helperMaps"]>) => LaunchFailure | undefined;

/** Where the child is to be: the control group it is cloned into, and what moves it while it waits. Throws what is to be said where it cannot. */
export type ChildPlace = { readonly cgroupFd?: number | undefined; readonly place: (pid: number) => void };

/** Starts the child, which goes on by itself from here. */
export function beginLaunch(
  plan: Plan,
  channels: ExecChannels,
  mapIds: MapIds,
  place?: ChildPlace,
): Launched | LaunchFailure {
  const encoded = encodePlan(plan.steps);
  const result = launch({
    cloneFlags: plan.cloneFlags.reduce((value, name) => value + CLONE[name], 0),
    steps: encoded.bytes,
    count: encoded.count,
    statusFd: channels.status.write.number,
    catchSignals: true,
    ...(place?.cgroupFd !== undefined && { cgroupFd: place.cgroupFd }),
  });
  channels.closeTheirs();
  if (result.kind === "failed") return { kind: "clone", flags: plan.cloneFlags, errno: result.errno };
  const { pid, pidfd } = result;
  const failure = prepared(pid, () => {
    place?.place(pid);
    return release(pid, plan.helperMaps, channels, mapIds);
  });
  return failure ? abandon(pid, failure) : { kind: "running", pid, pidfd };
}

/** A child that waits goes on when its supervisor lets go of it, however: so not before it is ended. */
function prepared(pid: number, prepare: () => LaunchFailure | undefined): LaunchFailure | undefined {
  try {
    return prepare();
  } catch (error) {
    abandon(pid, { kind: "lost", exitCode: 125 });
    throw error;
  }
}

/** Returns when the child's command runs, or has failed to. */
export function awaitCommand(
  launched: Launched,
  plan: Plan,
  channels: ExecChannels,
  candidates: readonly string[],
): Launched | LaunchFailure {
  const report = awaitExec(channels.status.read.number);
  return report === undefined ? launched : abandon(launched.pid, parseReport(plan.steps, candidates, report));
}

/** Ends and reaps a child whose command does not run. */
export function abandon(pid: number, failure: LaunchFailure): LaunchFailure {
  kill(pid, SIGKILL);
  const exitCode = waitFor(pid);
  return failure.kind === "lost" ? { kind: "lost", exitCode } : failure;
}

/** Has the ids of `pid` mapped, where it does not itself, then lets it go on. */
export function release(
  pid: number,
  maps: Plan["helperMaps"],
  channels: ExecChannels,
  mapIds: MapIds,
): LaunchFailure | undefined {
  const failure = maps && mapIds(pid, maps);
  if (failure) return failure;
  if (channels.release) writeAll(channels.release.write.number, "release", new Uint8Array(1));
  return undefined;
}

/** What a child reports of its failure (stage/sys.h, struct report), as the step of the plan that it was. */
export function parseReport(steps: readonly Step[], candidates: readonly string[], bytes: Uint8Array): LaunchFailure {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (index: number): number => (bytes.length >= index * 4 + 4 ? view.getUint32(index * 4, true) : 0);
  const [kind, index, errno] = [word(0), word(1), word(2)];
  const step = steps[index];
  if (kind === REPORT_STEP && step) return { kind: "step", step, index, errno };
  if (kind === REPORT_EXEC)
    return { kind: "exec", path: candidates[index] ?? "", errno, mode: word(3), head: bytes.slice(20, 20 + word(4)) };
  if (kind === REPORT_INIT) return { kind: "init", errno };
  return { kind: "lost", exitCode: 125 };
}
