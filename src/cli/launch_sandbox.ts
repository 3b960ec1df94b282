// What has been decided, started; then whoever supervises it: the static waiter in this program's place, or this program, where there is more to
// do than to wait.
import { defaultChildSignal, dieWithParent, dropCapabilities, exitNow } from "../../ffi/process.ts";
import { FaultError } from "../base/fault.ts";
import type { SandboxCgroup } from "../cgroup/sandbox_cgroup.ts";
import type { LaunchFailure } from "../launch/launch_plan.ts";
import { type Filters, type Started, start } from "../launch/start.ts";
import type { PlanFacts } from "../plan/facts.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import type { Spec } from "../spec/spec.ts";
import type { Registration } from "../state/registration.ts";
import { Deadline, type TimeLimit } from "../supervisor/deadline.ts";
import type { Ending } from "../supervisor/ending.ts";
import { handOver } from "../supervisor/hand_over.ts";
import type { LateNetwork } from "../supervisor/late_network.ts";
import type { StackInputs, StackStarter } from "../supervisor/start_stack.ts";
import { leastDescriptor } from "./least_descriptor.ts";
import type { Membership } from "./membership.ts";
import type { HostPort } from "./run_ports.ts";
import { coloursOn } from "./say.ts";

export type Launching = {
  readonly spec: Spec;
  readonly facts: PlanFacts;
  readonly filters: Filters;
  readonly lookups: HostLookups;
  /** Descriptors whose locks live as long as the sandbox. */
  readonly keep: readonly number[];
  readonly ports: readonly HostPort[];
  readonly registration: Registration | undefined;
  /** On a network with others. */
  readonly membership?: Membership | undefined;
  /** --stats: where to. */
  readonly stats?: Ending["stats"];
  /** --timeout. */
  readonly timeLimit?: TimeLimit | undefined;
  /** Has this process entered the namespaces that it is in? It may do all there until the sandbox is made, and nothing afterwards. */
  readonly hasEntered: boolean;
};

/** To the command's end; its exit code. Does not come back where the waiter takes over. */
export async function launchSandbox(launching: Launching): Promise<number> {
  const { spec, facts, filters, lookups, ports, registration, membership, hasEntered } = launching;
  if (membership) (await import("./attach_member.ts")).attachMember(membership, spec, ports);
  const late = lateNetworkOf(launching);
  const inputs = late && isAtOnce(launching, late) ? await stackInputsOf(launching, late) : undefined;
  defaultChildSignal();
  if (spec.sandbox.dieWithParent && !dieWithParent()) exitNow(125);
  let starter: StackStarter | undefined;
  const meanwhile = async (): Promise<void> => {
    if (inputs) starter = (await import("../supervisor/start_stack.ts")).prepareStack(inputs);
  };
  const connection = membership?.connection?.number;
  const hostPath = lookups.env.PATH ?? "";
  const startedAt = needsEnding(launching) ? (await import("../../ffi/usage.ts")).monotonicTime() : 0;
  const control = await controlOf(launching);
  const started = await start({ spec, facts, filters, hostPath, hasEntered, place: control, connection, meanwhile });
  if (hasEntered) dropCapabilities();
  if (started.kind !== "running") {
    registration?.remove();
    return throwFault(started, spec);
  }
  registration?.started(started.pid, control?.limits?.path);
  const ending = needsEnding(launching) ? endingOf(launching, control, startedAt) : undefined;
  control?.[Symbol.dispose]();
  const deadline = Deadline.of(launching.timeLimit);
  const own = await supervised(started, spec, starter, deadline);
  if (own === undefined) return leaveTo({ started, launching, late, deadline, ending });
  registration?.remove();
  const exitCode = deadline.exitCode(own);
  if (ending) (await import("./end_sandbox.ts")).endSandbox(ending, exitCode);
  return exitCode;
}

function needsEnding({ spec, stats }: Launching): boolean {
  return spec.sandbox.cgroup !== undefined || stats !== undefined;
}

async function controlOf({ spec, lookups, registration }: Launching): Promise<SandboxCgroup | undefined> {
  if (!spec.sandbox.cgroup) return undefined;
  const { startCgroup } = await import("./start_cgroup.ts");
  return startCgroup(spec, registration?.id ?? (await import("./new_id.ts")).newId(), lookups);
}

function endingOf({ spec, stats }: Launching, control: SandboxCgroup | undefined, startedAt: number): Ending {
  const limits = control?.limits?.raised(leastDescriptor(spec.sandbox.preserveFds));
  const group = limits && { fd: limits.fd, path: limits.path, isOurs: control?.isOurs === true };
  return { group, stats, startedAt };
}

function lateNetworkOf({ spec, registration, lookups }: Launching): LateNetwork | undefined {
  const { network } = spec.sandbox;
  const { hostname } = spec;
  const control = registration?.control && { listener: registration.control.number, user: lookups.uid };
  return network && network.member === undefined
    ? { network, hostname, control, colour: coloursOn(2, process.env) }
    : undefined;
}

/** Does something of the network have to be checked or served before the command speaks to it? */
function isAtOnce({ spec: { process }, ports }: Launching, { network }: LateNetwork): boolean {
  const { rules, log, pcap, shape, bypass } = network;
  const isRuled = rules.allow.length + rules.deny.length > 0 || rules.file !== undefined;
  const isRecorded = log !== undefined || pcap !== undefined;
  const isServed = ports.length > 0 || process.terminal;
  return isServed || isRuled || isRecorded || shape !== undefined || bypass === true;
}

async function stackInputsOf({ ports, registration, lookups }: Launching, late: LateNetwork): Promise<StackInputs> {
  return {
    ...(await import("./stack_inputs.ts")).stackInputs(late),
    published: ports,
    control: registration?.control && { listener: registration.control, user: lookups.uid },
    join: late.network.bypass ? (await import("../supervisor/join_bypass.ts")).joinBypass : undefined,
  };
}

/** Where this process has more to do than to wait for the command's end; `undefined` where it has not. */
async function supervised(
  { pid, pidfd, signals, terminal, network }: Started,
  { sandbox }: Spec,
  starter: StackStarter | undefined,
  deadline: Deadline,
): Promise<number | undefined> {
  const session = { pid, pidfd, signals: deadline.watch(signals), newSession: sandbox.newSession };
  if (network && starter) {
    const { superviseNetwork } = await import("../supervisor/network_session.ts");
    const bypasses = sandbox.network?.bypass === true;
    return superviseNetwork({ ...session, terminal, network, bypasses, starter });
  }
  if (!terminal) return undefined;
  const { superviseTerminal } = await import("../supervisor/terminal_session.ts");
  return superviseTerminal({ ...session, socket: terminal, background: undefined });
}

type Leaving = {
  readonly started: Started;
  readonly launching: Launching;
  readonly late: LateNetwork | undefined;
  readonly deadline: Deadline;
  readonly ending: Ending | undefined;
};

function leaveTo({ started, launching, late, deadline, ending }: Leaving): never {
  const { spec, keep, registration, membership } = launching;
  const { pid, pidfd, signals, network } = started;
  return handOver({
    ...{ pid, pidfd, signals, newSession: spec.sandbox.newSession, command: spec.process.args },
    keep: membership?.connection ? [...keep, membership.connection.number] : keep,
    lock: registration?.lock.number,
    ...(network && late && { network: { socket: network, late } }),
    ...{ deadline, ending },
  });
}

async function throwFault(failure: LaunchFailure, spec: Spec): Promise<never> {
  const [{ launchFault }, { gatherUsernsFacts }] = await Promise.all([
    import("../report/launch_fault.ts"),
    import("../host/gather_userns_facts.ts"),
  ]);
  throw new FaultError(launchFault(failure, spec, () => gatherUsernsFacts(process.env)));
}
