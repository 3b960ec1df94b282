// `sandbox run`: command line → Spec → plan → running → waiting.
import { Fd } from "../../../ffi/fd.ts";
import { defaultChildSignal, dieWithParent, exitNow } from "../../../ffi/process.ts";
import { FaultError, requestFault } from "../../base/fault.ts";
import { atLeast, readKernel } from "../../host/kernel.ts";
import { readHostView } from "../../host/read_host_view.ts";
import { hostLookups } from "../../host/read_lookups.ts";
import { subordinateRanges } from "../../host/subordinate_ranges.ts";
import type { LaunchFailure } from "../../launch/launch_plan.ts";
import { type Filters, start } from "../../launch/start.ts";
import type { PlanFacts } from "../../plan/facts.ts";
import type { HostLookups } from "../../spec/host_lookups.ts";
import type { Spec, UserNetwork } from "../../spec/spec.ts";
import { handOver } from "../../supervisor/hand_over.ts";
import type { LateNetwork } from "../../supervisor/late_network.ts";
import type { StackInputs, StackStarter } from "../../supervisor/start_stack.ts";
import type { Parsed } from "../command.ts";
import { takeImageWord } from "../image_word.ts";
import { parseArguments } from "../parse/arguments.ts";
import { filtersOf } from "../run_filter.ts";
import type { ListenRequest } from "../run_listen.ts";
import type { HostPort } from "../run_ports.ts";
import { type BuiltSpec, buildSpec, type ResolvedRootfs } from "../run_spec.ts";
import { coloursOn, note } from "../say.ts";
import { runCommand } from "./run.table.ts";

export async function run(argv: readonly string[]): Promise<number> {
  const parsed = takeImageWord(parseArguments(runCommand, argv));
  if (parsed.switches.has("--help")) return (await import("../help.ts")).printHelp(runCommand);
  const listening = await listenRequestOf(parsed);
  const lookups = hostLookups(process.env);
  return await runIn(await resolveRootfs(parsed, lookups), parsed, lookups, listening);
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
): Promise<number> {
  const built = buildSpec({ parsed, rootfs, lookups, ranges: () => subordinateRanges(lookups.uid, lookups.env.PATH) });
  const stacked = rootfs.kind === "folder" && rootfs.layers.length > 1;
  const facts: PlanFacts = {
    directories: built.directories,
    uid: lookups.uid,
    gid: lookups.gid,
    lowerdirAppends: stacked && atLeast(readKernel(), LOWERDIR_APPENDS),
  };
  const filters = { every: await filtersOf(built.spec), connect: await connectFilterOf(built.spec) };
  const bind = await portBinder(parsed, rootfs, built.spec);
  if (parsed.switches.has("--explain")) return (await import("../explain.ts")).explain(built.spec, facts, filters);
  if (listening) {
    // An environment is its one user's: here the instance's.
    if (parsed.values.has("--persist")) for (const fd of keep) new Fd(fd).close();
    return (await import("../listen.ts")).listen({ request: listening, parsed, lookups, spec: built.spec });
  }
  built.notes.forEach(note);
  return launch(built, facts, filters, lookups, keep, bind());
}

async function connectFilterOf(spec: Spec): Promise<Uint8Array | undefined> {
  if (!spec.sandbox.network?.bypass) return undefined;
  return (await import("../run_bypass.ts")).bypassFilter(spec);
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

async function launch(
  { spec }: BuiltSpec,
  facts: PlanFacts,
  filters: Filters,
  lookups: HostLookups,
  keep: readonly number[],
  ports: readonly HostPort[],
): Promise<number> {
  const userNetwork = spec.sandbox.network;
  const late = userNetwork && { network: userNetwork, hostname: spec.hostname, colour: coloursOn(2, process.env) };
  const inputs = late && isAtOnce(spec, late.network, ports) ? await stackInputsOf(late, ports) : undefined;
  defaultChildSignal();
  if (spec.sandbox.dieWithParent && !dieWithParent()) exitNow(125);
  let startStack: StackStarter | undefined;
  const meanwhile = async (): Promise<void> => {
    if (inputs) startStack = await stackStarter(inputs);
  };
  const started = await start({ spec, facts, filters, hostPath: lookups.env.PATH ?? "", meanwhile });
  if (started.kind !== "running") return throwFault(started, spec);
  const { pid, pidfd, signals, terminal, network } = started;
  const { newSession } = spec.sandbox;
  if (network && startStack) {
    const { superviseNetwork } = await import("../../supervisor/network_session.ts");
    const bypasses = userNetwork?.bypass === true;
    return superviseNetwork({ pid, pidfd, signals, newSession, terminal, network, bypasses, starter: startStack });
  }
  if (terminal)
    return (await import("../../supervisor/terminal_session.ts")).superviseTerminal({
      pid,
      pidfd,
      signals,
      socket: terminal,
      background: undefined,
    });
  const silent = network && late ? { network: { socket: network, late } } : {};
  return handOver({ pid, pidfd, signals, newSession, keep, command: spec.process.args, ...silent });
}

/** Does something of the network have to be checked or served before the command speaks to it? */
function isAtOnce(
  { process }: Spec,
  { rules, log, pcap, shape, bypass }: UserNetwork,
  ports: readonly HostPort[],
): boolean {
  const { allow, deny, file } = rules;
  const isRuled = allow.length + deny.length > 0 || file !== undefined;
  const isRecorded = log !== undefined || pcap !== undefined;
  return process.terminal || bypass === true || ports.length > 0 || isRuled || isRecorded || shape !== undefined;
}

async function stackInputsOf(late: LateNetwork, published: readonly HostPort[]): Promise<StackInputs> {
  const join = late.network.bypass ? (await import("../../supervisor/join_bypass.ts")).joinBypass : undefined;
  return { ...(await import("../stack_inputs.ts")).stackInputs(late), published, join };
}

async function stackStarter(inputs: StackInputs): Promise<StackStarter> {
  return (await import("../../supervisor/start_stack.ts")).prepareStack(inputs);
}

async function resolveRootfs(parsed: Parsed, lookups: HostLookups): Promise<Found> {
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
