// Are we inside something already? The outer container's own rules then decide, and the mend is made outside of it.
import { readlink } from "../../ffi/file.ts";
import { exists, readHostFile } from "./read_host_file.ts";

export type ContainerKind = "docker" | "podman" | "kubernetes" | "lxc" | "systemd-nspawn" | "wsl" | "unknown";

export type Container = {
  /** What we are in; absent on the machine itself. */
  readonly kind?: ContainerKind;
  /** Not the machine's first user namespace: our ids are mapped. */
  readonly userNamespace: boolean;
};

export type ContainerEvidence = {
  /** Link texts below /proc/self/ns, e.g. `user:[4026531837]`; those that could be read. */
  readonly namespaces: Readonly<Partial<Record<WatchedNamespace, string>>>;
  readonly dockerenv: boolean;
  readonly containerenv: boolean;
  /** What the container manager says of itself: /run/systemd/container (see systemd-detect-virt(1)) or the variable `container`. */
  readonly manager: string | undefined;
  readonly kubernetes: boolean;
  readonly kernelRelease: string;
};

/** The machine's first namespaces: PROC_IPC_INIT_INO and its neighbours, linux/proc_ns.h. */
const INITIAL = {
  ipc: "ipc:[4026531839]",
  uts: "uts:[4026531838]",
  user: "user:[4026531837]",
  pid: "pid:[4026531836]",
} as const;
type WatchedNamespace = keyof typeof INITIAL;
const WATCHED = Object.keys(INITIAL) as readonly WatchedNamespace[];

type Environment = Readonly<Record<string, string | undefined>>;

export function readContainer(env: Environment, kernelRelease: string): Container {
  return decideContainer({
    namespaces: Object.fromEntries(WATCHED.flatMap(readNamespace)),
    dockerenv: exists("/.dockerenv"),
    containerenv: exists("/run/.containerenv"),
    manager: readHostFile("/run/systemd/container")?.trim() ?? env.container,
    kubernetes: env.KUBERNETES_SERVICE_HOST !== undefined,
    kernelRelease,
  });
}

/** A machine may have been started from a container's image, marks and all: only in a namespace of its own is it a container. */
export function decideContainer(evidence: ContainerEvidence): Container {
  const foreign = WATCHED.filter((name) => isForeign(evidence, name));
  const kind = foreign.length > 0 ? containerKind(evidence) : undefined;
  const outer = kind ?? (/microsoft/i.test(evidence.kernelRelease) ? "wsl" : undefined);
  return { userNamespace: foreign.includes("user"), ...(outer && { kind: outer }) };
}

function isForeign({ namespaces }: ContainerEvidence, name: WatchedNamespace): boolean {
  return namespaces[name] !== undefined && namespaces[name] !== INITIAL[name];
}

function containerKind(evidence: ContainerEvidence): ContainerKind {
  if (evidence.kubernetes) return "kubernetes";
  if (evidence.containerenv) return "podman";
  if (evidence.dockerenv) return "docker";
  return MANAGERS.find(([word]) => evidence.manager?.startsWith(word))?.[1] ?? "unknown";
}

const MANAGERS: readonly (readonly [string, ContainerKind])[] = [
  ["docker", "docker"],
  ["podman", "podman"],
  ["oci", "podman"],
  ["lxc", "lxc"],
  ["systemd-nspawn", "systemd-nspawn"],
  ["wsl", "wsl"],
];

function readNamespace(name: WatchedNamespace): [WatchedNamespace, string][] {
  try {
    const link = readlink(`/proc/self/ns/${name}`);
    return link === undefined ? [] : [[name, link]];
  } catch {
    return [];
  }
}
