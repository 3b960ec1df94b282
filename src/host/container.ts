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
  /** `user:[4026531837]`, the link text of /proc/self/ns/user, and likewise of pid. */
  readonly usernsLink: string | undefined;
  readonly pidnsLink: string | undefined;
  readonly dockerenv: boolean;
  readonly containerenv: boolean;
  /** What the container manager says of itself: /run/systemd/container (see systemd-detect-virt(1)) or the variable `container`. */
  readonly manager: string | undefined;
  readonly kubernetes: boolean;
  readonly kernelRelease: string;
};

/** PROC_USER_INIT_INO and PROC_PID_INIT_INO of linux/proc_ns.h. */
const INITIAL_USERNS = "user:[4026531837]";
const INITIAL_PIDNS = "pid:[4026531836]";

type Environment = Readonly<Record<string, string | undefined>>;

export function readContainer(env: Environment, kernelRelease: string): Container {
  return decideContainer({
    usernsLink: linkText("/proc/self/ns/user"),
    pidnsLink: linkText("/proc/self/ns/pid"),
    dockerenv: exists("/.dockerenv"),
    containerenv: exists("/run/.containerenv"),
    manager: readHostFile("/run/systemd/container")?.trim() ?? env["container"],
    kubernetes: env["KUBERNETES_SERVICE_HOST"] !== undefined,
    kernelRelease,
  });
}

export function decideContainer(evidence: ContainerEvidence): Container {
  const userNamespace = evidence.usernsLink !== undefined && evidence.usernsLink !== INITIAL_USERNS;
  const kind = containerKind(evidence);
  return { userNamespace, ...(kind && { kind }) };
}

function containerKind(evidence: ContainerEvidence): ContainerKind | undefined {
  if (evidence.kubernetes) return "kubernetes";
  if (evidence.containerenv) return "podman";
  if (evidence.dockerenv) return "docker";
  const named = MANAGERS.find(([word]) => evidence.manager?.startsWith(word));
  if (named) return named[1];
  if (/microsoft/i.test(evidence.kernelRelease)) return "wsl";
  const foreignPids = evidence.pidnsLink !== undefined && evidence.pidnsLink !== INITIAL_PIDNS;
  return evidence.manager || foreignPids ? "unknown" : undefined;
}

const MANAGERS: readonly (readonly [string, ContainerKind])[] = [
  ["docker", "docker"],
  ["podman", "podman"],
  ["oci", "podman"],
  ["lxc", "lxc"],
  ["systemd-nspawn", "systemd-nspawn"],
  ["wsl", "wsl"],
];

function linkText(path: string): string | undefined {
  try {
    return readlink(path);
  } catch {
    return undefined;
  }
}
