// Live probes: what a sandbox would do, done for real in a child that is thrown away. Each is a short program of system calls in
// the order that a launch makes them; the step that fails says more than any sysctl.
import type { SyscallName } from "../../ffi/libc.ts";

export const PROBE_NAMES = [
  "user",
  "mount",
  "pivot",
  "network",
  "hostname",
  "ipc",
  "cgroup",
  "time",
  "proc",
  "sysfs",
  "overlay",
  "overlay-store",
  "tun",
  "range",
] as const;
export type ProbeName = (typeof PROBE_NAMES)[number];

/** What was being done when a launch failed; `explainUsernsFailure` knows each. */
export type LaunchStep =
  | "clone"
  | "setgroups"
  | "uid_map"
  | "gid_map"
  | "mount"
  | "pivot"
  | "loopback"
  | "hostname"
  | "proc"
  | "sysfs"
  | "overlay"
  | "overlay-write"
  | "tun"
  | "range";

/** `{ register }` is the result of an earlier call that has that `out`; a string is a path or text, passed by address. */
export type ProbeArgument = number | string | Uint8Array | { readonly register: number };

export type ProbeCall = {
  readonly step: LaunchStep;
  readonly call: SyscallName | "load";
  readonly args: readonly ProbeArgument[];
  readonly out?: number;
};

export type ProbeProgram = { readonly cloneFlags: number; readonly calls: readonly ProbeCall[] };

export type ProbeContext = {
  readonly uid: number;
  readonly gid: number;
  /** A folder with empty `lower`, `upper` and `work` in it, on the file system that is asked about. */
  readonly store?: string;
  /** `range`: one byte can be read here when the maps have been written from outside. */
  readonly releaseFd?: number;
};

const CLONE_NEWTIME_STEP = 0x80;
const CLONE_NEWNS = 0x20000;
const CLONE_NEWCGROUP = 0x2000000;
const CLONE_NEWUTS = 0x4000000;
const CLONE_NEWIPC = 0x8000000;
const CLONE_NEWUSER = 0x10000000;
const CLONE_NEWPID = 0x20000000;
const CLONE_NEWNET = 0x40000000;

const MS_REC_PRIVATE = 0x44000;
const AT_FDCWD = -100;
const O_WRONLY_CLOEXEC = 0o2000001;
const O_RDWR_CLOEXEC = 0o2000002;
const O_WRONLY_CREAT_CLOEXEC = 0o2000101;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MNT_DETACH = 2;
const AT_REMOVEDIR = 0x200;
const TUNSETIFF = 0x400454ca;

/** The program of a probe; `undefined` when the context lacks what it needs. */
export function probeProgram(name: ProbeName, context: ProbeContext): ProbeProgram | undefined {
  const maps = idMaps(context);
  const program = (cloneFlags: number, ...calls: readonly ProbeCall[]): ProbeProgram => ({
    cloneFlags: CLONE_NEWUSER | cloneFlags,
    calls: [...maps, ...calls, { step: "clone", call: "exit_group", args: [0] }],
  });
  switch (name) {
    case "user":
      return program(0);
    case "mount":
      return program(CLONE_NEWNS, privateRoot, ...scratch);
    case "pivot":
      return program(CLONE_NEWNS, privateRoot, ...scratch, ...pivot);
    case "network":
      return program(CLONE_NEWNET, ...loopbackUp());
    case "hostname":
      return program(CLONE_NEWUTS, { step: "hostname", call: "sethostname", args: ["probe", 5] });
    case "ipc":
      return program(CLONE_NEWIPC);
    case "cgroup":
      return program(CLONE_NEWCGROUP);
    case "time":
      return program(0, { step: "clone", call: "unshare", args: [CLONE_NEWTIME_STEP] });
    case "proc":
      return program(CLONE_NEWNS | CLONE_NEWPID, privateRoot, mountOver("proc", "proc"));
    case "sysfs":
      return program(CLONE_NEWNS | CLONE_NEWNET, privateRoot, mountOver("sysfs", "sysfs"));
    case "overlay":
      return program(CLONE_NEWNS, privateRoot, ...scratch, ...overlayFolders, ...overlay);
    case "overlay-store":
      return context.store === undefined
        ? undefined
        : program(CLONE_NEWNS, privateRoot, { step: "overlay", call: "chdir", args: [context.store] }, ...overlay);
    case "tun":
      return program(CLONE_NEWNET, ...tunDevice());
    case "range":
      return context.releaseFd === undefined ? undefined : rangeProgram(context.releaseFd);
  }
}

/** user_namespaces(7): one id of our own, after setgroups(2) has been given up. As in a sandbox, we are root inside. */
function idMaps({ uid, gid }: ProbeContext): readonly ProbeCall[] {
  return [
    ...writeFile("setgroups", "/proc/self/setgroups", "deny"),
    ...writeFile("uid_map", "/proc/self/uid_map", `0 ${uid} 1\n`),
    ...writeFile("gid_map", "/proc/self/gid_map", `0 ${gid} 1\n`),
  ];
}

function writeFile(step: LaunchStep, path: string, text: string): readonly ProbeCall[] {
  return [
    { step, call: "openat", args: [AT_FDCWD, path, O_WRONLY_CLOEXEC, 0], out: 0 },
    { step, call: "write", args: [{ register: 0 }, text, text.length] },
    { step, call: "close", args: [{ register: 0 }] },
  ];
}

const privateRoot: ProbeCall = { step: "mount", call: "mount", args: ["none", "/", 0, MS_REC_PRIVATE, 0] };

function fileSystem(step: LaunchStep, type: string, out: number, options: readonly string[]): readonly ProbeCall[] {
  const context = { register: 1 } as const;
  const set = (option: string): ProbeCall => {
    const [key = "", value] = option.split("=");
    return value === undefined
      ? { step, call: "fsconfig", args: [context, FSCONFIG_SET_FLAG, key, 0, 0] }
      : { step, call: "fsconfig", args: [context, FSCONFIG_SET_STRING, key, value, 0] };
  };
  return [
    { step, call: "fsopen", args: [type, 1], out: 1 },
    ...options.map(set),
    { step, call: "fsconfig", args: [context, FSCONFIG_CMD_CREATE, 0, 0, 0] },
    { step, call: "fsmount", args: [context, 1, 0], out },
  ];
}

/** A tmpfs on top of `/`, where every machine has a mount point; then the working directory. */
const scratch: readonly ProbeCall[] = [
  ...fileSystem("mount", "tmpfs", 2, ["mode=0755"]),
  { step: "mount", call: "move_mount", args: [{ register: 2 }, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH] },
  { step: "mount", call: "fchdir", args: [{ register: 2 }] },
];

const pivot: readonly ProbeCall[] = [
  { step: "pivot", call: "pivot_root", args: [".", "."] },
  { step: "pivot", call: "umount2", args: [".", MNT_DETACH] },
];

/** A fresh pseudo file system, attached nowhere: creating it is what the kernel refuses. */
function mountOver(step: LaunchStep, type: string): ProbeCall {
  return { step, call: "mount", args: [type, type === "proc" ? "/proc" : "/sys", type, 0, 0] };
}

const overlayFolders: readonly ProbeCall[] = ["lower", "upper", "work"].map((folder) => ({
  step: "overlay",
  call: "mkdirat",
  args: [AT_FDCWD, folder, 0o755],
}));

/**
 * Mounts and then uses it: deleting leaves a whiteout (a character device 0:0), replacing a folder leaves an opaque mark (an
 * extended attribute), and file systems differ in what of this they let an unprivileged user do.
 */
const overlay: readonly ProbeCall[] = [
  { step: "overlay", call: "mkdirat", args: [AT_FDCWD, "lower/folder", 0o755] },
  { step: "overlay", call: "openat", args: [AT_FDCWD, "lower/file", O_WRONLY_CREAT_CLOEXEC, 0o644], out: 3 },
  { step: "overlay", call: "close", args: [{ register: 3 }] },
  ...fileSystem("overlay", "overlay", 4, ["lowerdir=lower", "upperdir=upper", "workdir=work", "userxattr"]),
  { step: "overlay-write", call: "unlinkat", args: [{ register: 4 }, "file", 0] },
  { step: "overlay-write", call: "unlinkat", args: [{ register: 4 }, "folder", AT_REMOVEDIR] },
  { step: "overlay-write", call: "mkdirat", args: [{ register: 4 }, "folder", 0o755] },
];

/** An RTM_NEWLINK message that sets IFF_UP on interface 1, rtnetlink(7); the acknowledgement begins with a negated errno. */
function loopbackUp(): readonly ProbeCall[] {
  const step = "loopback";
  const request = Uint8Array.from([
    32, 0, 0, 0, 16, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,
  ]);
  const reply = new Uint8Array(128);
  return [
    { step, call: "socket", args: [16, 0o2000003, 0], out: 1 },
    { step, call: "sendto", args: [{ register: 1 }, request, request.length, 0, 0, 0] },
    { step, call: "recvfrom", args: [{ register: 1 }, reply, reply.length, 0, 0, 0] },
    { step, call: "load", args: [reply.subarray(16)] },
  ];
}

/** struct ifreq: a name of 16 bytes, then IFF_TUN|IFF_NO_PI. */
function tunDevice(): readonly ProbeCall[] {
  const ifreq = new Uint8Array(40);
  ifreq.set(new TextEncoder().encode("probe0"));
  new DataView(ifreq.buffer).setUint16(16, 0x1001, true);
  return [
    { step: "tun", call: "openat", args: [AT_FDCWD, "/dev/net/tun", O_RDWR_CLOEXEC, 0], out: 1 },
    { step: "tun", call: "ioctl", args: [{ register: 1 }, TUNSETIFF, ifreq] },
  ];
}

/** The child waits for newuidmap(1), then becomes the last id of the range, which only a complete map lets it. */
function rangeProgram(releaseFd: number): ProbeProgram {
  return {
    cloneFlags: CLONE_NEWUSER,
    calls: [
      { step: "range", call: "read", args: [releaseFd, new Uint8Array(1), 1] },
      { step: "range", call: "setresgid", args: [1, 1, 1] },
      { step: "range", call: "setresuid", args: [1, 1, 1] },
      { step: "clone", call: "exit_group", args: [0] },
    ],
  };
}
