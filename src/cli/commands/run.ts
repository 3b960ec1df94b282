// `sandbox run`: command line → Spec → plan → running → waiting.
import { Fd } from "../../../ffi/fd.ts";
import { defaultChildSignal, dieWithParent, dropCapabilities, exitNow } from "../../../ffi/process.ts";
import { FaultError, requestFault, usageFault } from "../../base/fault.ts";
import { atLeast, readKernel } from "../../host/kernel.ts";
import { readHostView } from "../../host/read_host_view.ts";
import { hostLookups } from "../../host/read_lookups.ts";
import { subordinateRanges } from "../../host/subordinate_ranges.ts";
import type { LaunchFailure } from "../../launch/launch_plan.ts";
import { start } from "../../launch/start.ts";
import type { PlanFacts } from "../../plan/facts.ts";
import type { HostLookups } from "../../spec/host_lookups.ts";
import type { Spec, UserNetwork } from "../../spec/spec.ts";
import { handOver } from "../../supervisor/hand_over.ts";
import type { StackInputs, StackStarter } from "../../supervisor/start_stack.ts";
import type { Parsed } from "../command.ts";
import { takeImageWord } from "../image_word.ts";
import { type Membership, networkNamed } from "../membership.ts";
import { parseArguments } from "../parse/arguments.ts";
import { filtersOf } from "../run_filter.ts";
import type { ListenRequest } from "../run_listen.ts";
import type { HostPort } from "../run_ports.ts";
import { type BuiltSpec, buildSpec, type ResolvedRootfs } from "../run_spec.ts";
import { note } from "../say.ts";
import { runCommand } from "./run.table.ts";

/** `membership`: of one that has joined the network which `--net` names. */
export async function run(argv: readonly string[], membership?: Membership): Promise<number> {
  const parsed = takeImageWord(parseArguments(runCommand, argv));
  if (parsed.switches.has("--help")) return (await import("../help.ts")).printHelp(runCommand);
  const listening = await listenRequestOf(parsed);
  const joined = membership ?? (await join(parsed, argv, listening));
  const lookups = hostLookups(process.env);
  return await runIn(await resolveRootfs(parsed, lookups), parsed, lookups, listening, joined);
}

/** Comes back where there is no network to join, or where it is only explained. */
async function join(
  parsed: Parsed,
  argv: readonly string[],
  listening: ListenRequest | undefined,
): Promise<Membership | undefined> {
  const name = networkNamed(parsed);
  if (name === undefined) return undefined;
  const { joinNetwork, wouldJoin } = await import("../join_network.ts");
  if (listening)
    throw usageFault(
      "Cannot listen (--listen)",
      `instances of one service cannot be on the network ${name}`,
      "use --net slirp",
    );
  return parsed.switches.has("--explain") ? wouldJoin(name) : joinNetwork(name, parsed, argv);
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
  membership?: Membership,
): Promise<number> {
  const ranges = () => subordinateRanges(lookups.uid, lookups.env.PATH);
  const built = buildSpec({ parsed, rootfs, lookups, membership, ranges });
  const stacked = rootfs.kind === "folder" && rootfs.layers.length > 1;
  const facts: PlanFacts = {
    directories: built.directories,
    uid: lookups.uid,
    gid: lookups.gid,
    lowerdirAppends: stacked && atLeast(readKernel(), LOWERDIR_APPENDS),
  };
  const filters = await filtersOf(built.spec);
  const bind = await portBinder(parsed, rootfs, built.spec);
  if (parsed.switches.has("--explain")) return (await import("../explain.ts")).explain(built.spec, facts, filters);
  if (listening) {
    // An environment is its one user's: here the instance's.
    if (parsed.values.has("--persist")) for (const fd of keep) new Fd(fd).close();
    return (await import("../listen.ts")).listen({ request: listening, parsed, lookups, spec: built.spec });
  }
  built.notes.forEach(note);
  return launch(built, facts, filters, lookups, keep, bind(), membership);
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
  filters: readonly Uint8Array[],
  lookups: HostLookups,
  keep: readonly number[],
  ports: readonly HostPort[],
  membership: Membership | undefined,
): Promise<number> {
  if (membership) (await import("../attach_member.ts")).attachMember(membership, spec, ports);
  const userNetwork = membership ? undefined : spec.sandbox.network;
  const prepare = async (): Promise<StackInputs> => ({
    ...(await import("../stack_inputs.ts")).stackInputs(spec),
    published: ports,
  });
  const inputs = userNetwork && isAtOnce(spec, userNetwork, ports) ? await prepare() : undefined;
  defaultChildSignal();
  if (spec.sandbox.dieWithParent && !dieWithParent()) exitNow(125);
  let startStack: StackStarter | undefined;
  const meanwhile = async (): Promise<void> => {
    if (inputs) startStack = await stackStarter(inputs);
  };
  const connection = membership?.connection?.number;
  const started = await start({ spec, facts, filters, hostPath: lookups.env.PATH ?? "", connection, meanwhile });
  if (started.kind !== "running") return throwFault(started, spec);
  if (membership) dropCapabilities();
  const { pid, pidfd, signals, terminal, network } = started;
  const { newSession } = spec.sandbox;
  if (network) {
    const lateStarter = async (): Promise<StackStarter> => stackStarter(await prepare());
    const { superviseNetwork } = await import("../../supervisor/network_session.ts");
    return superviseNetwork({ pid, pidfd, signals, newSession, terminal, network, starter: startStack, lateStarter });
  }
  if (terminal)
    return (await import("../../supervisor/terminal_session.ts")).superviseTerminal({
      pid,
      pidfd,
      signals,
      socket: terminal,
      background: undefined,
    });
  return handOver({
    pid,
    pidfd,
    signals,
    newSession,
    keep: [...keep, ...(connection === undefined ? [] : [connection])],
    command: spec.process.args,
  });
}

/** Does something of the network have to be checked or served before the command speaks to it? */
function isAtOnce({ process }: Spec, { rules, log, pcap, shape }: UserNetwork, ports: readonly HostPort[]): boolean {
  const { allow, deny, file } = rules;
  const isRuled = allow.length + deny.length > 0 || file !== undefined;
  const isRecorded = log !== undefined || pcap !== undefined;
  return process.terminal || ports.length > 0 || isRuled || isRecorded || shape !== undefined;
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
