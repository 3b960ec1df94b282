// The short way of `sandbox run`: where the command line is one of the commonest, its plan has been laid out when the program was
// built, and a start only fills in what differs. The child begins to perform it while the host is still being looked at. Every
// other line, and every failure, goes the long way (commands/run.ts), whose plan has the same steps.
import { Launch } from "../../../ffi/launch.ts";
import { defaultChildSignal, dieWithParent, exitNow, kill, SIGKILL, waitFor } from "../../../ffi/process.ts";
import { SignalPipe, STARTED_ADDRESS } from "../../../ffi/signal_pipe.ts";
import { hostLookups } from "../../host/read_lookups.ts";
import { awaitExec } from "../../launch/await_exec.ts";
import { commandCandidates } from "../../launch/command_candidates.ts";
import { ExecChannels } from "../../launch/exec_channels.ts";
import { initArguments } from "../../plan/init_arguments.ts";
import { handOver } from "../../supervisor/hand_over.ts";
import { expressArguments } from "./express_arguments.ts";
import { expressHost } from "./express_host.ts";
import type { PlanMemory } from "./plan_memory.ts";

/** What a kind of root file system fills in while the child has begun. */
export type Express = {
  readonly memory: PlanMemory;
  readonly cloneFlags: number;
  /** Fills in the rest and adds the pieces; `undefined` where the long way has to be taken after all. */
  readonly complete: (launch: Launch) => ExpressCommand | undefined;
};

export type ExpressCommand = { readonly args: readonly string[]; readonly env: readonly string[] };

/** Runs the command line when it is one of those; else comes back, with nothing done. */
export function expressRun(argv: readonly string[]): void {
  const parsed = expressArguments(argv);
  if (parsed === undefined) return;
  const lookups = hostLookups(process.env);
  if (lookups.isTerminal(0) && lookups.isTerminal(1)) return;
  const express = expressHost(parsed, lookups);
  if (express === undefined) return;
  perform(express, parsed.positionals);
}

function perform({ memory, cloneFlags, complete }: Express, words: readonly string[]): void {
  defaultChildSignal();
  if (!dieWithParent()) exitNow(125);
  using channels = new ExecChannels({ helper: false, terminal: false });
  using signals = new SignalPipe();
  memory.fill("status", channels.status.write.number);
  memory.fill("statusRead", channels.status.read.number);
  memory.fill("init", channels.init.number);
  memory.fill("started", STARTED_ADDRESS);
  const launch = new Launch({ cloneFlags, statusFd: channels.status.write.number, catchSignals: true });
  memory.add(launch, "begin");
  launch.release();
  const started = launch.start();
  if (started.kind === "failed") return;
  const command = complete(launch);
  if (command === undefined) return abandon(started.pid, signals);
  const { number } = channels.status.write;
  channels.closeTheirs();
  const candidates = commandCandidates(command.args, command.env);
  memory.fillVector("argv", initArguments(number, 0, candidates, command.args));
  memory.fillVector("envp", command.env);
  memory.add(launch, "end");
  launch.release();
  // The command has not run, so the long way may try again: it fails as this one did, and says why.
  if (awaitExec(channels.status.read.number) !== undefined) return abandon(started.pid, signals);
  handOver({ pid: started.pid, pidfd: started.pidfd, signals, newSession: true, keep: [], command: words });
}

/** Ends a child whose command has not begun. A signal that it would have been sent ends us. */
function abandon(pid: number, signals: SignalPipe): void {
  kill(pid, SIGKILL);
  waitFor(pid);
  const [caught] = signals.drain();
  if (caught) exitNow(128 + caught.signal);
}
