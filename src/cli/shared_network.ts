// --net container:SANDBOX and --net ns:PATH: a network namespace that is there already, of another sandbox's or of anybody's. What can be known of
// it is found out before anything is prepared; commands/launch_shared.ts then goes in (enter_shared.ts).
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import { O_NONBLOCK, O_RDONLY, open, stat } from "../../ffi/file.ts";
import { namespaceType, ownerOf } from "../../ffi/namespace.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { type FaultError, requestFault, usageFault } from "../base/fault.ts";
import type { OpenNamespace } from "../launch/enter_namespaces.ts";
import { translateMaps } from "../launch/translate_maps.ts";
import { tryNamespaces } from "../launch/try_namespaces.ts";
import { CLONE } from "../plan/constants.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import type { ResolverFiles } from "../spec/root_mounts.ts";
import type { IdMapping } from "../spec/spec.ts";
import { hasEnded, openProcess } from "../state/process_identity.ts";
import type { Registered } from "../state/registry.ts";
import type { Parsed } from "./command.ts";
import { enterFault } from "./commands/enter_failed.ts";
import { findSandbox, openRegistry } from "./running_sandbox.ts";
import { visible } from "./visible.ts";

export type SharedNetwork = {
  /** As `--net` has it. */
  readonly word: string;
  /** Of the namespace. */
  readonly path: string;
  readonly namespaces: readonly OpenNamespace[];
  /** Ids of the user namespace that it belongs to, in ours; `undefined` where that is ours. */
  readonly maps: { readonly uid: readonly IdMapping[]; readonly gid: readonly IdMapping[] } | undefined;
  readonly resolver: ResolverFiles;
};

type Found = { readonly network: Fd; readonly path: string; readonly resolver: ResolverFiles | undefined };

const OWN = "/proc/self/ns";
const FORM = /^(container|ns):(.+)$/s;
/** Where ip-netns(8) keeps its own, and what they have in place of /etc/resolv.conf and /etc/hosts. */
const NAMED = /^(?:\/var)?\/run\/netns\/([^/]+)$/;

export function sharedNetwork(word: string, lookups: HostLookups): SharedNetwork {
  const [, kind, text = ""] = FORM.exec(word) ?? [];
  if (kind === undefined)
    throw usageFault(
      `Cannot use --net ${word}`,
      "it does not say which network",
      "name a sandbox, --net container:NAME, or a file of a network namespace, --net ns:/proc/PID/ns/net",
    );
  const { network, path, resolver } = kind === "container" ? ofSandbox(word, text) : ofFile(word, text, lookups);
  if (stat("", true, network.number)?.identity === stat(`${OWN}/net`)?.identity)
    throw cannotShare(word, "it is the network that this process is in already", "share that one: --net host");
  const owner = ownerOf(network.number);
  if (owner === undefined)
    throw cannotShare(word, "it belongs to a user namespace that is not below this process's", "go in as its owner");
  const isOurs = stat("", true, owner.number)?.identity === stat(`${OWN}/user`)?.identity;
  const namespaces: readonly OpenNamespace[] = [
    ...(isOurs ? [] : [{ fd: owner.number, type: "user" } as const]),
    { fd: network.number, type: "network" },
  ];
  const tried = tryNamespaces(namespaces);
  if (tried.kind === "refused") throw refused(word, tried.type, tried.errno, isOurs);
  return {
    word,
    path,
    namespaces,
    maps: isOurs ? undefined : { uid: tried.uid, gid: tried.gid },
    resolver: resolver ?? { resolvConf: lookups.text("/etc/resolv.conf") ?? "", hosts: "" },
  };
}

function ofSandbox(word: string, text: string): Found {
  const { id, state } = findSandbox(openRegistry(), text);
  if (state.network.mode === "host")
    throw cannotShare(word, `${text} is on the host's own network`, "share that one: --net host");
  if (state.init === undefined) throw cannotShare(word, `${text} is only starting`, "try again in a moment");
  const network = networkOf({ id, state });
  if (network === undefined) throw cannotShare(word, `${text} has just ended`, "");
  const resolver = state.network.resolver ?? { resolvConf: NO_NETWORK, hosts: "" };
  return { network, path: networkFile(state.init.pid), resolver };
}

function networkFile(pid: number): string {
  return `/proc/${pid}/ns/net`;
}

const NO_NETWORK = "# This sandbox has no network.\n";

/** Of its PID 1, and of no other process that has its number by now. */
function networkOf({ state }: Registered): Fd | undefined {
  if (state?.init === undefined) return undefined;
  using pidfd = openProcess(state.init);
  if (pidfd === undefined) return undefined;
  try {
    const network = open(networkFile(state.init.pid), O_RDONLY);
    if (!hasEnded(pidfd)) return network;
    network.close();
  } catch (error) {
    if (!(error instanceof SyscallError) || !hasEnded(pidfd)) throw error;
  }
  return undefined;
}

function ofFile(word: string, text: string, lookups: HostLookups): Found {
  const path = text.startsWith("/") ? text : `${lookups.cwd}/${text}`;
  const network = openFile(word, path);
  const type = namespaceType(network.number);
  if (type !== CLONE.CLONE_NEWNET)
    throw cannotShare(
      word,
      type === undefined ? "it is no namespace" : "it is a namespace, but none of networks",
      "name one: --net ns:/proc/PID/ns/net",
    );
  return { network, path, resolver: namedFiles(path, lookups) ?? sandboxFiles(network) };
}

function openFile(word: string, path: string): Fd {
  try {
    // Whatever else it is, a pipe may be: nobody waits for its other end.
    return open(path, O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if (error instanceof SyscallError) throw cannotShare(word, ...openReason(error.errno));
    throw error;
  }
}

function openReason(errno: number): readonly [cause: string, hint: string] {
  switch (errno) {
    case ERRNO.ENOENT:
    case ERRNO.ENOTDIR:
    case ERRNO.ESRCH:
      return ["there is no such file: it has gone, or never was", "see which there are: lsns --type net"];
    case ERRNO.EACCES:
    case ERRNO.EPERM:
      return ["you may not look at it: it is another user's", "go in as that user"];
    default:
      return [`opening it failed: ${errnoName(errno)}`, ""];
  }
}

function namedFiles(path: string, { text }: HostLookups): ResolverFiles | undefined {
  const [, name] = NAMED.exec(path) ?? [];
  const resolvConf = name === undefined ? undefined : text(`/etc/netns/${name}/resolv.conf`);
  return resolvConf === undefined ? undefined : { resolvConf, hosts: "" };
}

/** Where it is a running sandbox's, that one's. */
function sandboxFiles(network: Fd): ResolverFiles | undefined {
  const wanted = stat("", true, network.number)?.identity;
  for (const sandbox of openRegistry().all) {
    using other = networkOf(sandbox);
    if (other && stat("", true, other.number)?.identity === wanted) return sandbox.state?.network.resolver;
  }
  return undefined;
}

/** A command line that asks for no range of ids, where the shared network's user namespace has not those of the caller's. */
export function withSharedIds(
  parsed: Parsed,
  { word, maps }: SharedNetwork,
  ranges: () => { readonly uids: readonly Range[]; readonly gids: readonly Range[] } | string,
): Parsed {
  const mode = parsed.values.get("--userns")?.[0] ?? "auto";
  if (maps === undefined || (mode !== "auto" && mode !== "range")) return parsed;
  const found = ranges();
  const has = (list: readonly Range[], map: readonly IdMapping[]): boolean =>
    translateMaps(
      list.map(({ start, count }) => ({ containerID: 0, hostID: start, size: count })),
      map,
    ) !== undefined;
  if (typeof found === "string" || (has(found.uids, maps.uid) && has(found.gids, maps.gid))) return parsed;
  if (mode === "range")
    throw requestFault(
      "Cannot map a range of ids (--userns range)",
      `the network of --net ${word} belongs to a user namespace that has not all of yours`,
      "map one id: --userns single\nor start the first sandbox with a range, too: --rootfs alpine --userns range",
    );
  return { ...parsed, values: new Map([...parsed.values, ["--userns", ["single"]]]) };
}

type Range = { readonly start: number; readonly count: number };

function refused(word: string, type: OpenNamespace["type"], errno: number, isOurs: boolean): FaultError {
  if (isOurs && errno === ERRNO.EPERM)
    return cannotShare(
      word,
      "it belongs to the host, so its root alone may go in",
      "go in as root: sudo sandbox run ...",
    );
  const { cause, hint } = enterFault(type, errno);
  return cannotShare(word, cause, hint);
}

function cannotShare(word: string, cause: string, hint: string): FaultError {
  return requestFault(`Cannot share a network (--net ${visible(word)})`, cause, hint);
}
