// Spec → running sandbox or a failure: channels, plan, launch. What follows (waiting, a terminal) is the supervisor's.
import type { Fd } from "../../ffi/fd.ts";
import { SignalPipe, STARTED_ADDRESS } from "../../ffi/signal_pipe.ts";
import { windowSize } from "../../ffi/terminal.ts";
import type { PlanFacts } from "../plan/facts.ts";
import { type Plan, plan } from "../plan/plan.ts";
import type { ExecInputs } from "../plan/plan_process.ts";
import { waitsForRelease } from "../plan/plan_release.ts";
import type { Spec } from "../spec/spec.ts";
import { commandCandidates } from "./command_candidates.ts";
import { ExecChannels, NO_DESCRIPTOR } from "./exec_channels.ts";
import { idMapper } from "./id_mapper.ts";
import { awaitCommand, beginLaunch, type ChildPlace, type Launched, type LaunchFailure } from "./launch_plan.ts";

export type Started = Launched & {
  /** A socket that the terminal comes by. */
  readonly terminal: Fd | undefined;
  /** A socket that the network device comes by. */
  readonly network: Fd | undefined;
  /** Signals that have come since the command runs; nobody else is told of them. */
  readonly signals: SignalPipe;
};

/** struct sock_filter[] each: those that are installed in turn, and the one whose listener comes by the network's socket. */
export type Filters = { readonly every: readonly Uint8Array[]; readonly connect?: Uint8Array | undefined };

export type StartOptions = {
  readonly spec: Spec;
  readonly facts: PlanFacts;
  readonly filters: Filters;
  /** The caller's PATH, in which newuidmap is looked for. */
  readonly hostPath: string;
  /** Has this process entered the namespaces that it is in? */
  readonly hasEntered: boolean;
  /** The child's control group, where the Spec asks for one. */
  readonly place?: ChildPlace | undefined;
  /** To the supervisor of a network that the sandbox is on with others: its child's to use, until it is attached. */
  readonly connection?: number | undefined;
  /** What can be done while the child sets itself up. */
  readonly meanwhile: () => Promise<void>;
};

export async function start(options: StartOptions): Promise<Started | LaunchFailure> {
  const { spec, facts, filters, hostPath, hasEntered, place, connection, meanwhile } = options;
  using channels = new ExecChannels({
    waits: waitsForRelease(spec),
    terminal: spec.process.terminal,
    network: spec.sandbox.network !== undefined && spec.sandbox.network.member === undefined,
  });
  const candidates = commandCandidates(spec.process.args, spec.process.env);
  const signals = new SignalPipe();
  const planned = plan(spec, facts, execInputs(channels, candidates, filters, connection));
  const launched = beginLaunch(planned, channels, idMapper(hostPath, hasEntered), place);
  if (launched.kind !== "running") return launched;
  await meanwhile();
  const result = awaitCommand(launched, planned, channels, candidates);
  if (result.kind !== "running") return result;
  return { ...result, signals, terminal: channels.terminal?.ours.dup(), network: channels.network?.ours.dup() };
}

/** The plan as --explain shows it: the descriptors that do not exist yet have symbolic numbers only. */
export function dryPlan(spec: Spec, facts: PlanFacts, filters: Filters): Plan {
  const inputs = {
    statusFd: 3,
    releaseFd: 4,
    parentOnly: [],
    initFd: 5,
    startedAddress: 0,
    terminalFd: 6,
    networkFd: 7,
    candidates: commandCandidates(spec.process.args, spec.process.env),
  };
  return plan(spec, facts, { ...inputs, filters: filters.every, connectFilter: filters.connect });
}

function execInputs(
  channels: ExecChannels,
  candidates: readonly string[],
  filters: Filters,
  connection: number | undefined,
): ExecInputs {
  const ours = [channels.status.read, channels.release?.write, channels.terminal?.ours];
  const size = channels.terminal && (windowSize(0) ?? windowSize(1));
  return {
    statusFd: channels.status.write.number,
    releaseFd: channels.release?.read.number ?? NO_DESCRIPTOR,
    parentOnly: ours.flatMap((fd) => (fd ? [fd.number] : [])),
    startedAddress: STARTED_ADDRESS,
    initFd: channels.init.number,
    terminalFd: channels.terminal?.theirs.number ?? NO_DESCRIPTOR,
    networkFd: channels.network?.theirs.number ?? connection ?? NO_DESCRIPTOR,
    candidates,
    filters: filters.every,
    connectFilter: filters.connect,
    ...(size && { windowSize: size }),
  };
}
