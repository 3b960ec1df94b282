// `sandbox run`: command line → Spec → plan → running → waiting.
import { Fd } from "../../../ffi/fd.ts";
import { requestFault, usageFault } from "../../base/fault.ts";
import { atLeast, readKernel } from "../../host/kernel.ts";
import { readHostView } from "../../host/read_host_view.ts";
import { hostLookups } from "../../host/read_lookups.ts";
import { subordinateRanges } from "../../host/subordinate_ranges.ts";
import type { PlanFacts } from "../../plan/facts.ts";
import type { HostLookups } from "../../spec/host_lookups.ts";
import { netWord } from "../../spec/net_word.ts";
import type { Spec } from "../../spec/spec.ts";
import type { Registration } from "../../state/registration.ts";
import type { TimeLimit } from "../../supervisor/deadline.ts";
import type { Ending } from "../../supervisor/ending.ts";
import type { Parsed } from "../command.ts";
import { takeImageWord } from "../image_word.ts";
import { launchSandbox } from "../launch_sandbox.ts";
import { leastDescriptor } from "../least_descriptor.ts";
import { LIMIT_FLAGS } from "../limit_flags.ts";
import { type Membership, networkNamed } from "../membership.ts";
import { parseArguments } from "../parse/arguments.ts";
import { filtersOf } from "../run_filter.ts";
import type { RunCgroup } from "../run_limits.ts";
import type { ListenRequest } from "../run_listen.ts";
import type { HostPort } from "../run_ports.ts";
import { type BuiltSpec, buildSpec, type ResolvedRootfs } from "../run_spec.ts";
import { note } from "../say.ts";
import type { SharedNetwork } from "../shared_network.ts";
import { runCommand } from "./run.table.ts";

/** `membership`: of one that has joined the network which `--net` names. */
export async function run(argv: readonly string[], membership?: Membership): Promise<number> {
  const parsed = takeImageWord(parseArguments(runCommand, argv));
  if (parsed.switches.has("--help")) return (await import("../help.ts")).printHelp(runCommand);
  const listening = await listenRequestOf(parsed);
  const lookups = hostLookups(process.env);
  if (isShared(parsed)) return (await import("../run_shared.ts")).runShared(parsed, lookups, listening);
  const place = { membership: membership ?? (await join(parsed, argv, listening)) };
  return await runIn(await resolveRootfs(parsed, lookups), parsed, lookups, listening, place);
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

/** A network that is there already: `container:SANDBOX`, `ns:PATH`. */
function isShared({ values }: Parsed): boolean {
  const word = netWord(values.get("--net")?.[0] ?? "");
  return word === "container" || word === "ns";
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

/** Where `--net` leads to others: the network of one that is there, or a place on a named one. */
type NetworkPlace = { readonly shared?: SharedNetwork; readonly membership?: Membership | undefined };

/** In a root file system that has been found; `keep` are descriptors whose locks live as long as the sandbox. */
export async function runIn(
  { rootfs, keep }: Found,
  parsed: Parsed,
  lookups: HostLookups,
  listening?: ListenRequest,
  place: NetworkPlace = {},
): Promise<number> {
  const ranges = () => subordinateRanges(lookups.uid, lookups.env.PATH);
  const limits = await limitsOf(parsed);
  const timeLimit = await timeLimitOf(parsed);
  const built = buildSpec({ parsed, rootfs, lookups, ...place, limits, ranges });
  const stacked = rootfs.kind === "folder" && rootfs.layers.length > 1;
  const facts: PlanFacts = {
    directories: built.directories,
    uid: lookups.uid,
    gid: lookups.gid,
    lowerdirAppends: stacked && atLeast(readKernel(), LOWERDIR_APPENDS),
  };
  const filters = { every: await filtersOf(built.spec), connect: await connectFilterOf(built.spec) };
  const bind = await portBinder(parsed, rootfs, built.spec);
  const registered = await registrar(parsed, built, lookups);
  if (parsed.switches.has("--explain")) return (await import("../explain.ts")).explain(built.spec, facts, filters);
  if (listening) {
    // An environment is its one user's: here the instance's.
    if (parsed.values.has("--persist")) for (const fd of keep) new Fd(fd).close();
    return (await import("../listen.ts")).listen({ request: listening, parsed, lookups, spec: built.spec });
  }
  built.notes.forEach(note);
  const stats = await statsOf(parsed, built.spec);
  const ports = bind();
  const { shared, membership } = place;
  const registration = registered();
  const hasEntered = membership !== undefined;
  const ours = { ports, registration, membership, stats, timeLimit, hasEntered };
  const launching = { spec: built.spec, facts, filters, lookups, keep, ...ours };
  return shared ? (await import("../enter_shared.ts")).enterShared(launching, shared) : launchSandbox(launching);
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

async function limitsOf(parsed: Parsed): Promise<RunCgroup | undefined> {
  if (!LIMIT_FLAGS.some((name) => parsed.values.has(name))) return undefined;
  const [{ runLimits }, { blockDevice }] = await Promise.all([
    import("../run_limits.ts"),
    import("../../host/block_device.ts"),
  ]);
  return runLimits(parsed, blockDevice);
}

async function timeLimitOf(parsed: Parsed): Promise<TimeLimit | undefined> {
  if (!parsed.values.has("--timeout") && !parsed.values.has("--stop-timeout")) return undefined;
  return (await import("../run_ending.ts")).timeLimit(parsed);
}

async function statsOf(parsed: Parsed, { sandbox }: Spec): Promise<Ending["stats"]> {
  const name = parsed.values.get("--stats")?.[0];
  if (name === undefined) return undefined;
  return (await import("../run_ending.ts")).openStats(name, leastDescriptor(sandbox.preserveFds));
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
