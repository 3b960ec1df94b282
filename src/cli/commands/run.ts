// `sandbox run`: command line → Spec → plan → running → waiting.
import { Fd } from "../../../ffi/fd.ts";
import { defaultChildSignal, dieWithParent, dropCapabilities, exitNow } from "../../../ffi/process.ts";
import { FaultError, requestFault } from "../../base/fault.ts";
import { atLeast, readKernel } from "../../host/kernel.ts";
import { readHostView } from "../../host/read_host_view.ts";
import { hostLookups } from "../../host/read_lookups.ts";
import { subordinateRanges } from "../../host/subordinate_ranges.ts";
import type { LaunchFailure, MapIds } from "../../launch/launch_plan.ts";
import { type Started, start } from "../../launch/start.ts";
import type { PlanFacts } from "../../plan/facts.ts";
import type { HostLookups } from "../../spec/host_lookups.ts";
import type { Spec, UserNetwork } from "../../spec/spec.ts";
import type { Registration } from "../../state/registration.ts";
import { handOver } from "../../supervisor/hand_over.ts";
import type { StackInputs, StackStarter } from "../../supervisor/start_stack.ts";
import type { Parsed } from "../command.ts";
import { takeImageWord } from "../image_word.ts";
import { parseArguments } from "../parse/arguments.ts";
import { filtersOf } from "../run_filter.ts";
import type { ListenRequest } from "../run_listen.ts";
import type { HostPort } from "../run_ports.ts";
import { type BuiltSpec, buildSpec, type ResolvedRootfs } from "../run_spec.ts";
import { note } from "../say.ts";
import type { SharedNetwork } from "../shared_network.ts";
import { runCommand } from "./run.table.ts";

export async function run(argv: readonly string[]): Promise<number> {
  const parsed = takeImageWord(parseArguments(runCommand, argv));
  if (parsed.switches.has("--help")) return (await import("../help.ts")).printHelp(runCommand);
  const listening = await listenRequestOf(parsed);
  const lookups = hostLookups(process.env);
  if (isShared(parsed)) return (await import("../run_shared.ts")).runShared(parsed, lookups, listening);
  return await runIn(await resolveRootfs(parsed, lookups), parsed, lookups, listening);
}

/** A network that is there already: `container:SANDBOX`, `ns:PATH`. */
function isShared({ values }: Parsed): boolean {
  return /^(container|ns)(:|$)/.test(values.get("--net")?.[0] ?? "");
}

const LISTEN_FLAGS = [
  "--listen",
  "--listen-mode",
  "--idle-timeout",
  "--max-instances",
  "--max-instances-per-address",
] as const;

async function listenRequestOf(parsed: Parsed): Promise<ListenRequest | undefined> {
  if (!LISTEN_FLAGS.some((name) => parsed.values.has(name))) return undefined;
  return (await import("../run_listen.ts")).listenRequest(parsed);
}

type Found = { readonly rootfs: ResolvedRootfs; readonly keep: readonly number[] };

/** The first Linux whose overlayfs takes `lowerdir+`. */
const LOWERDIR_APPENDS = { major: 6, minor: 5 };

/** In a root file system that has been found; `keep` are descriptors whose locks live as long as the sandbox. */
export async function runIn(
  { rootfs, keep }: Found,
  parsed: Parsed,
  lookups: HostLookups,
  listening?: ListenRequest,
  shared?: SharedNetwork,
): Promise<number> {
  const ranges = () => subordinateRanges(lookups.uid, lookups.env.PATH);
  const built = buildSpec({ parsed, rootfs, lookups, shared, ranges });
  const stacked = rootfs.kind === "folder" && rootfs.layers.length > 1;
  const facts: PlanFacts = {
    directories: built.directories,
    uid: lookups.uid,
    gid: lookups.gid,
    lowerdirAppends: stacked && atLeast(readKernel(), LOWERDIR_APPENDS),
  };
  const filters = await filtersOf(built.spec);
  const bind = await portBinder(parsed, rootfs, built.spec);
  const registered = await registrar(parsed, built, lookups);
  if (parsed.switches.has("--explain")) return (await import("../explain.ts")).explain(built.spec, facts, filters);
  if (listening) {
    // An environment is its one user's: here the instance's.
    if (parsed.values.has("--persist")) for (const fd of keep) new Fd(fd).close();
    return (await import("../listen.ts")).listen({ request: listening, parsed, lookups, spec: built.spec });
  }
  built.notes.forEach(note);
  const ports = bind();
  const launching = { spec: built.spec, facts, filters, lookups, keep, ports, registration: registered() };
  return shared ? (await import("../enter_shared.ts")).enterShared(launching, shared) : launch(launching);
}

/** A name is judged at once, and taken when it is asked for. */
async function registrar(
  { values, switches }: Parsed,
  built: BuiltSpec,
  lookups: HostLookups,
): Promise<() => Registration | undefined> {
  const text = values.get("--name")?.[0];
  if (text === undefined && !values.has("--publish") && !switches.has("--publish-all")) return () => undefined;
  const { registerSandbox, sandboxName } = await import("../run_registration.ts");
  const name = text === undefined ? undefined : sandboxName(text);
  return () => registerSandbox(name, values.get("--net")?.[0], built, lookups);
}

/** Published ports are judged at once, and bound when they are asked for. */
async function portBinder(
  parsed: Parsed,
  rootfs: ResolvedRootfs,
  { sandbox }: Spec,
): Promise<() => readonly HostPort[]> {
  if (!parsed.values.has("--publish") && !parsed.switches.has("--publish-all")) return () => [];
  const { bindPorts, chosenPorts, publishedPorts } = await import("../run_ports.ts");
  const image = rootfs.kind === "folder" ? rootfs.image : undefined;
  const { ports, notes } = publishedPorts(parsed, image, sandbox.network !== undefined);
  return () => {
    notes.forEach(note);
    const bound = bindPorts(ports, sandbox.preserveFds);
    chosenPorts(bound).forEach(note);
    return bound;
  };
}

export type Launching = {
  readonly spec: Spec;
  readonly facts: PlanFacts;
  readonly filters: readonly Uint8Array[];
  readonly lookups: HostLookups;
  readonly keep: readonly number[];
  readonly ports: readonly HostPort[];
  readonly registration: Registration | undefined;
  /** Who maps ids where newuidmap(1) cannot; where that is this process, it may do no such thing afterwards. */
  readonly mapIds?: MapIds;
};

export async function launch(launching: Launching): Promise<number> {
  const { spec, facts, filters, lookups, keep, ports, registration, mapIds } = launching;
  const userNetwork = spec.sandbox.network;
  const prepare = async (): Promise<StackInputs> => ({
    ...(await import("../stack_inputs.ts")).stackInputs(spec),
    published: ports,
    control: registration?.control && { listener: registration.control, user: lookups.uid },
  });
  const isServed = registration !== undefined || ports.length > 0;
  const inputs = userNetwork && (isServed || isAtOnce(spec, userNetwork)) ? await prepare() : undefined;
  defaultChildSignal();
  if (spec.sandbox.dieWithParent && !dieWithParent()) exitNow(125);
  let startStack: StackStarter | undefined;
  const meanwhile = async (): Promise<void> => {
    if (inputs) startStack = await stackStarter(inputs);
  };
  const started = await start({ spec, facts, filters, hostPath: lookups.env.PATH ?? "", mapIds, meanwhile });
  if (mapIds) dropCapabilities();
  if (started.kind !== "running") {
    registration?.remove();
    return throwFault(started, spec);
  }
  registration?.started(started.pid);
  const lateStarter = async (): Promise<StackStarter> => stackStarter(await prepare());
  const exitCode = await supervised(started, spec, startStack, lateStarter);
  if (exitCode === undefined) {
    const { pid, pidfd, signals } = started;
    const { newSession } = spec.sandbox;
    const lock = registration?.lock.number;
    return handOver({ pid, pidfd, signals, newSession, keep, lock, command: spec.process.args });
  }
  registration?.remove();
  return exitCode;
}

/** To the command's end, where this process has more to do than to wait for that; `undefined` where it has not. */
async function supervised(
  { pid, pidfd, signals, terminal, network }: Started,
  { sandbox: { newSession } }: Spec,
  starter: StackStarter | undefined,
  lateStarter: () => Promise<StackStarter>,
): Promise<number | undefined> {
  if (network) {
    const { superviseNetwork } = await import("../../supervisor/network_session.ts");
    return superviseNetwork({ pid, pidfd, signals, newSession, terminal, network, starter, lateStarter });
  }
  if (!terminal) return undefined;
  const { superviseTerminal } = await import("../../supervisor/terminal_session.ts");
  return superviseTerminal({ pid, pidfd, signals, socket: terminal, background: undefined });
}

/** Does something of the network have to be checked or served before the command speaks to it? */
function isAtOnce({ process }: Spec, { rules, log, pcap, shape }: UserNetwork): boolean {
  const { allow, deny, file } = rules;
  const isRuled = allow.length + deny.length > 0 || file !== undefined;
  const isRecorded = log !== undefined || pcap !== undefined;
  return process.terminal || isRuled || isRecorded || shape !== undefined;
}

async function stackStarter(inputs: StackInputs): Promise<StackStarter> {
  return (await import("../../supervisor/start_stack.ts")).prepareStack(inputs);
}

export async function resolveRootfs(parsed: Parsed, lookups: HostLookups): Promise<Found> {
  const text = parsed.values.get("--rootfs")?.[0] ?? "host";
  if (text === "host") {
    if (parsed.values.has("--persist"))
      throw requestFault(
        "Cannot keep changes (--persist)",
        "the host's view is not copy-on-write",
        "name another root file system: --rootfs alpine",
      );
    return { rootfs: { kind: "host", view: readHostView() }, keep: [] };
  }
  return (await import("../find_rootfs.ts")).findRootfs(text, parsed, lookups);
}

async function throwFault(failure: LaunchFailure, spec: Spec): Promise<never> {
  const [{ launchFault }, { gatherUsernsFacts }] = await Promise.all([
    import("../../report/launch_fault.ts"),
    import("../../host/gather_userns_facts.ts"),
  ]);
  throw new FaultError(launchFault(failure, spec, () => gatherUsernsFacts(process.env)));
}
