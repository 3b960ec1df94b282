// The one description of a sandbox: the object of the OCI runtime specification (config.json, v1.2), as far as it is in
// use. What that specification has no word for is under `sandbox`; a runtime that does not know it ignores it (spec, "Extensibility").
import type { CapabilityName } from "./capabilities.ts";
import type { Resources } from "./resources.ts";

export type Spec = {
  readonly ociVersion: "1.2.0";
  readonly process: Process;
  readonly root: Root;
  readonly hostname?: string;
  readonly domainname?: string;
  /** In order: a later mount can lie on an earlier one. */
  readonly mounts: readonly Mount[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux: Linux;
  readonly sandbox: Extension;
};

export type Root = { readonly path: string; readonly readonly: boolean };

export type Process = {
  readonly terminal: boolean;
  readonly user: User;
  readonly args: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: Capabilities;
  readonly rlimits: readonly Rlimit[];
  readonly noNewPrivileges: true;
  readonly oomScoreAdj?: number;
  readonly scheduler?: { readonly policy: "SCHED_OTHER"; readonly nice: number };
};

export type User = {
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
  readonly additionalGids: readonly number[];
};

export type Capabilities = {
  readonly bounding: readonly CapabilityName[];
  readonly effective: readonly CapabilityName[];
  readonly inheritable: readonly CapabilityName[];
  readonly permitted: readonly CapabilityName[];
  readonly ambient: readonly CapabilityName[];
};

export type Rlimit = { readonly type: RlimitType; readonly soft: number; readonly hard: number };

/** In the order of their numbers, getrlimit(2). */
export const RLIMIT_TYPES = [
  "RLIMIT_CPU",
  "RLIMIT_FSIZE",
  "RLIMIT_DATA",
  "RLIMIT_STACK",
  "RLIMIT_CORE",
  "RLIMIT_RSS",
  "RLIMIT_NPROC",
  "RLIMIT_NOFILE",
  "RLIMIT_MEMLOCK",
  "RLIMIT_AS",
  "RLIMIT_LOCKS",
  "RLIMIT_SIGPENDING",
  "RLIMIT_MSGQUEUE",
  "RLIMIT_NICE",
  "RLIMIT_RTPRIO",
  "RLIMIT_RTTIME",
] as const;
export type RlimitType = (typeof RLIMIT_TYPES)[number];

export type MountType =
  | "bind"
  | "tmpfs"
  | "overlay"
  | "proc"
  | "sysfs"
  | "mqueue"
  | "devpts"
  // Of version 2.
  | "cgroup"
  // Ours: nothing is mounted, something is made.
  | "symlink"
  | "directory"
  // Ours: a file with the content of `data`, or a copy of the file `source`, mounted on the destination.
  | "data";

export type Mount = {
  readonly destination: string;
  readonly type: MountType;
  readonly source?: string;
  /** mount(8) options as the OCI specification lists them, and file system options such as `size=64m`. */
  readonly options: readonly string[];
  readonly data?: string;
};

export type IdMapping = { readonly containerID: number; readonly hostID: number; readonly size: number };

export type NamespaceType = "user" | "pid" | "mount" | "uts" | "ipc" | "network" | "cgroup" | "time";

export type Linux = {
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
  /** `path`: of one that is there, and is joined. */
  readonly namespaces: readonly { readonly type: NamespaceType; readonly path?: string }[];
  /** Seconds and nanoseconds, as time_namespaces(7) takes them. */
  readonly timeOffsets?: Readonly<Partial<Record<"monotonic" | "boottime", TimeOffset>>>;
  readonly resources?: Resources;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
};
export type TimeOffset = { readonly secs: number; readonly nanosecs: number };

export type Extension = {
  readonly rootfs: Rootfs;
  /** `self`: the sandbox writes one id of its own; `helper`: newuidmap(1) and newgidmap(1) write them. */
  readonly idMapWriter: "self" | "helper";
  /** A PID 1 that reaps and forwards signals. Without, the command itself is PID 1. */
  readonly init: boolean;
  readonly argv0?: string;
  readonly newSession: boolean;
  readonly dieWithParent: boolean;
  /** Descriptors 3 to 3 + N - 1 of the caller reach the command. */
  readonly preserveFds: number;
  readonly emulateRoot: boolean;
  readonly seccomp: SeccompChoice;
  /** A control group of its own, which the supervisor makes while the child waits. `delegate`: it may make others below it. */
  readonly cgroup?: { readonly delegate: boolean };
  /** A network that this program itself is the other end of (src/net). Without, `linux.namespaces` says whether there is any. */
  readonly network?: UserNetwork;
};

/** What the sandbox's one interface is set up with. Addresses as text, RFC 4291 section 2.2 and RFC 5952 for IPv6. */
export type UserNetwork = {
  readonly interface: string;
  readonly mtu: number;
  readonly ipv4: NetworkAddresses | undefined;
  readonly ipv6: NetworkAddresses | undefined;
  /** The host's own loopback answers at the gateway's address. */
  readonly hostLoopback: boolean;
  /** TCP connections that may leave are the host's own sockets; the stack has the rest (src/net/fast). */
  readonly bypass?: true;
  readonly names: UserNames;
  readonly rules: EgressRules;
  /** Files that a line for each flow, and every frame, are written to; `-` is standard error. */
  readonly log?: string;
  readonly pcap?: string;
  /** Where it is to be slower or worse than it could be. */
  readonly shape?: NetworkShape;
  /** A network with others on it (src/network), whose supervisor is the other end. Without, the sandbox's own is. */
  readonly member?: Membership;
};

export type Membership = {
  /** The network's name. */
  readonly network: string;
  /** Names of its own on it, the host name first where one was given. */
  readonly names: readonly string[];
};

export type NetworkShape = {
  /** Bytes a second, from the sandbox and to it. */
  readonly up?: number;
  readonly down?: number;
  /** Milliseconds, in each direction. */
  readonly delay: number;
  /** The share of frames that get lost in each direction, from 0 to 1. */
  readonly loss: number;
};

/** Whom the name server of the sandbox asks, and what it knows by itself. */
export type UserNames = {
  /** Addresses; none: those of the host. */
  readonly servers: readonly string[];
  readonly hosts: readonly { readonly name: string; readonly address: string }[];
};

/** What may leave, in the words of --allow-net, --deny-net and --net-policy: src/net/policy reads them. */
export type EgressRules = {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly file?: { readonly name: string; readonly text: string };
};

export type NetworkAddresses = {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  /** Where names are asked for. */
  readonly nameserver: string;
};

export type SeccompChoice =
  | { readonly kind: "default" }
  | { readonly kind: "unconfined" }
  | { readonly kind: "profile"; readonly path: string };

export type Rootfs =
  /** A fresh tmpfs; everything in it comes from `mounts`. */
  | { readonly kind: "tmpfs"; readonly size?: number }
  /**
   * `root.path` copy-on-write. `size` in bytes bounds an upper in memory; `upper` names a folder that keeps it; `layers` are the
   * folders of an image, the topmost first, in place of `root.path`.
   */
  | { readonly kind: "overlay"; readonly size?: number; readonly upper?: string; readonly layers?: readonly string[] }
  /** `root.path` itself. */
  | { readonly kind: "bind" };
