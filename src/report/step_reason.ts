// Why a step failed, where the request itself explains it: a missing folder, a file in a folder's place, a limit above the hard
// one. What is left is a refusal of the system's, which src/host/explain_userns_failure.ts looks into. Pure.
import { ERRNO } from "../../ffi/errno.ts";
import type { Aim } from "../plan/aim.ts";
import type { CallName } from "../plan/step.ts";
import type { Spec } from "../spec/spec.ts";

export type Reason = { readonly cause: string; readonly hint: string };

export function stepReason(aim: Aim, call: CallName, errno: number, spec: Spec): Reason | undefined {
  return shortageReason(errno) ?? reasonOf(aim, call, errno, spec);
}

/** Whatever a descriptor was for. */
function shortageReason(errno: number): Reason | undefined {
  if (errno === ERRNO.EMFILE)
    return {
      cause: "this process has as many files open as it may",
      hint: "let it have more: ulimit -n 1024 (ulimit -Hn shows the most that it may ask for)",
    };
  if (errno === ERRNO.ENFILE)
    return {
      cause: "the whole system has as many files open as it may",
      hint: "raise it: sudo sysctl -w fs.file-max=1000000",
    };
  return undefined;
}

function reasonOf(aim: Aim, call: CallName, errno: number, spec: Spec): Reason | undefined {
  switch (aim.kind) {
    case "target":
      return targetReason(aim, errno, spec);
    case "mount":
      return mountReason(aim, call, errno);
    case "root":
      return rootReason(aim, call, errno, spec);
    case "mask":
    case "readonly":
      return errno === ERRNO.EACCES ? { cause: "a folder on the way to it may not be searched", hint: "" } : undefined;
    case "cwd":
      return cwdReason(aim.path, errno);
    case "user":
      return errno === ERRNO.EINVAL
        ? { cause: "that id is not in this sandbox's id maps", hint: "map it: --uidmap, --gidmap, or --userns range" }
        : undefined;
    case "rlimit":
      return errno === ERRNO.EPERM
        ? { cause: "it is above the hard limit that this process has", hint: "see the hard limits: ulimit -aH" }
        : undefined;
    case "nice":
      return errno === ERRNO.EACCES || errno === ERRNO.EPERM
        ? {
            cause: "an ordinary user may only become nicer",
            hint: "give a larger number, or raise the limit `nice` in /etc/security/limits.conf",
          }
        : undefined;
    case "oom-score":
      return errno === ERRNO.EACCES
        ? { cause: "an ordinary user may not go below the score that this process has", hint: "give a larger number" }
        : undefined;
    case "descriptors":
      return errno === ERRNO.EBADF
        ? {
            cause: "the caller has no descriptor of that number open",
            hint: `open 3 to ${2 + spec.sandbox.preserveFds}, or give a smaller --preserve-fds`,
          }
        : undefined;
    case "tap":
      return tapReason(errno);
    case "member":
      return memberReason(errno);
    case "init":
      return initReason(errno, spec);
    case "time":
      return timeReason(errno);
    case "landlock":
      return { cause: "this kernel has no Landlock, or none with network rules (Linux 6.7)", hint: WITHOUT_BYPASS };
    case "listener":
      return errno === ERRNO.EBUSY
        ? { cause: "an outer sandbox watches them already, and there can be one that does", hint: WITHOUT_BYPASS }
        : { cause: "the kernel does not give notice of system calls", hint: WITHOUT_BYPASS };
    case "seccomp":
      return errno === ERRNO.EINVAL
        ? {
            cause: "the kernel does not take the filter: it has none, or one of these flags is too new for it",
            hint: "see: sandbox doctor",
          }
        : undefined;
    default:
      return undefined;
  }
}

const WITHOUT_BYPASS = "use --net slirp";
function memberReason(errno: number): Reason | undefined {
  switch (errno) {
    case ERRNO.ECONNRESET:
    case ERRNO.EPIPE:
      return { cause: "the process that keeps it has ended", hint: "start it anew: run this once more" };
    case ERRNO.EOPNOTSUPP:
      return { cause: "this kernel has no bridges, or no veth links", hint: "load them: sudo modprobe -a bridge veth" };
    default:
      return undefined;
  }
}

function tapReason(errno: number): Reason | undefined {
  const without = "or do without a network: sandbox run --net none ..., or share the host's: --net host";
  switch (errno) {
    case ERRNO.ENOENT:
    case ERRNO.ENXIO:
    case ERRNO.ENODEV:
      return {
        cause: "this system has no such device",
        hint: `load the driver: sudo modprobe tun\nor in a container or another sandbox, start that with --device /dev/net/tun\n${without}`,
      };
    case ERRNO.EACCES:
    case ERRNO.EPERM:
      return { cause: "this user may not open it", hint: `allow it: sudo chmod 666 /dev/net/tun\n${without}` };
    default:
      return undefined;
  }
}

function targetReason(aim: Extract<Aim, { kind: "target" }>, errno: number, spec: Spec): Reason | undefined {
  const { destination } = aim;
  const root =
    spec.sandbox.rootfs.kind === "tmpfs"
      ? "the host's folders are read-only in the sandbox"
      : "that part of the root file system is read-only";
  switch (errno) {
    case ERRNO.EROFS:
      return {
        cause: `${destination} does not exist, and cannot be made: ${root}`,
        hint: `mount on a path that exists, or below /tmp, /run or /home`,
      };
    case ERRNO.EACCES:
      return {
        cause: `${destination} does not exist, and may not be made there`,
        hint: "mount on a path that exists, or below /tmp",
      };
    case ERRNO.ENOENT:
      return {
        cause: `${destination} leads through a symbolic link to nowhere`,
        hint: "name the place that the link should lead to",
      };
    case ERRNO.ENOTDIR:
      return { cause: `a part of ${destination} is a file, not a folder`, hint: "choose another destination" };
    case ERRNO.ELOOP:
      return { cause: `${destination} leads through too many symbolic links`, hint: "choose another destination" };
    case ERRNO.ENAMETOOLONG:
      return { cause: "a part of the path is longer than 255 bytes", hint: "choose another destination" };
    default:
      return undefined;
  }
}

function mountReason(aim: Extract<Aim, { kind: "mount" }>, call: CallName, errno: number): Reason | undefined {
  const { type, source, destination } = aim;
  if (type === "data" && call === "openat" && errno === ERRNO.EACCES)
    return { cause: `${source} may not be read by this user`, hint: `see: ls -l ${source}` };
  if (type === "data" && errno === ERRNO.ENOSPC)
    return { cause: "the root file system is full", hint: "give a larger --overlay-size" };
  // ENOTDIR of mount(2); move_mount(2) answers EINVAL.
  if (call === "move_mount" && (errno === ERRNO.ENOTDIR || errno === ERRNO.EINVAL))
    return {
      cause: `one of ${source} and ${destination} is a folder, the other is a file`,
      hint: "a file is mounted on a file, a folder on a folder",
    };
  if (type === "sysfs" && errno === ERRNO.EPERM)
    return {
      cause: "parts of /sys are covered here, and the kernel mounts no fresh one that would uncover them",
      hint: "show the outer /proc and /sys: sandbox run --proc bind ...",
    };
  if (type === "bind" && call === "open_tree") return bindReason(source, errno);
  if (call === "fsconfig" && type !== "proc" && type !== "sysfs" && errno === ERRNO.EINVAL)
    return { cause: `${type} does not take one of these options, or not this value`, hint: "" };
  if (type === "overlay" && call === "fsconfig") return overlayReason(source, errno);
  if (errno === ERRNO.ENOSPC && call !== "fsconfig")
    return {
      cause: "the limit on mounts is reached",
      hint: "mount less, or raise it: sudo sysctl -w fs.mount-max=200000",
    };
  if (type === "data" && errno === ERRNO.ENOSPC)
    return { cause: "the root file system is full", hint: "give a larger --overlay-size" };
  return undefined;
}

function bindReason(source: string, errno: number): Reason | undefined {
  switch (errno) {
    case ERRNO.ENOENT:
      return {
        cause: `${source} does not exist on the host`,
        hint: "create it, or let it be skipped with the option `try`",
      };
    case ERRNO.EACCES:
      return {
        cause: `a folder on the way to ${source} may not be searched by this user`,
        hint: `see where: namei -l ${source}`,
      };
    case ERRNO.EINVAL:
      return {
        cause: `${source} has mounts below it that may not be left out, or is marked unbindable`,
        hint: "bind it with everything below: drop the option `bind`",
      };
    case ERRNO.ELOOP:
      return { cause: `${source} leads through too many symbolic links`, hint: "name the file itself" };
    default:
      return undefined;
  }
}

function rootReason(
  aim: Extract<Aim, { kind: "root" }>,
  call: CallName,
  errno: number,
  spec: Spec,
): Reason | undefined {
  if (call === "open_tree") return openRootReason(aim.path, errno);
  if (aim.what === "overlay") return overlayReason(spec.root.path, errno);
  if (call === "fsconfig" && errno === ERRNO.EINVAL)
    return { cause: "the kernel does not take this size", hint: "give --overlay-size in bytes or as 64m, 1g" };
  return undefined;
}

function openRootReason(path: string, errno: number): Reason | undefined {
  switch (errno) {
    case ERRNO.ENOENT:
      return { cause: "there is no such folder", hint: "" };
    case ERRNO.EACCES:
      return {
        cause: "a folder on the way to it may not be searched by this user",
        hint: `see where: namei -l ${path}`,
      };
    case ERRNO.EINVAL:
      return {
        cause: "other file systems are mounted below it, which a copy-on-write root would have to leave out",
        hint: "name a folder without mounts, or use it directly: --no-overlay",
      };
    default:
      return undefined;
  }
}

const WITHOUT_OVERLAY =
  "do without copy-on-write:   sandbox run --no-overlay --read-only ...   (the folder itself, unchanged)\n" +
  "                            sandbox run --no-overlay ...               (the folder itself, changes are kept)\n" +
  "see what is possible here:  sandbox doctor";

function overlayReason(path: string, errno: number): Reason | undefined {
  const hint = WITHOUT_OVERLAY;
  switch (errno) {
    case ERRNO.ENODEV:
      return {
        cause: "this kernel has no overlayfs, or its module is not loaded",
        hint: `sudo modprobe overlay\n${hint}`,
      };
    case ERRNO.EPERM:
      return {
        cause:
          "this kernel does not let an ordinary user mount an overlay (it takes Linux 5.11, and no policy against it)",
        hint,
      };
    case ERRNO.EINVAL:
      return { cause: `the file system of ${path} cannot be a layer of an overlay`, hint };
    case ERRNO.ELOOP:
      return { cause: `${path} is itself inside of an overlay stack that is too deep, or its folders overlap`, hint };
    case ERRNO.EBUSY:
      return { cause: "the folder that keeps the changes is in use by another sandbox", hint: "" };
    default:
      return undefined;
  }
}

function cwdReason(path: string, errno: number): Reason | undefined {
  switch (errno) {
    case ERRNO.ENOENT:
      return {
        cause: "there is no such folder inside",
        hint: `choose another with -w, or mount one there: -v DIR:${path}`,
      };
    case ERRNO.ENOTDIR:
      return { cause: "it is not a folder", hint: "choose another with -w" };
    case ERRNO.EACCES:
      return { cause: "the command's user may not enter it", hint: "choose another with -w, or another --user" };
    default:
      return undefined;
  }
}

function initReason(errno: number, { sandbox: { seccomp } }: Spec): Reason | undefined {
  if (seccomp.kind === "profile" && errno !== ERRNO.E2BIG)
    return {
      cause: `the seccomp profile ${seccomp.path} does not let it`,
      hint: "allow execveat, which starts PID 1, and execve, clone, wait4, rt_sigtimedwait, kill and exit_group, which it uses",
    };
  switch (errno) {
    case ERRNO.E2BIG:
      return {
        cause:
          "arguments and environment are too long: the kernel takes 128 KiB for one, and a quarter of the stack limit for all",
        hint: "pass the data by a file or by standard input",
      };
    case ERRNO.EACCES:
    case ERRNO.EPERM:
      return {
        cause: "this system forbids executing memory files (vm.memfd_noexec), or the seccomp profile forbids execveat",
        hint: "sudo sysctl -w vm.memfd_noexec=0",
      };
    default:
      return undefined;
  }
}

function timeReason(errno: number): Reason | undefined {
  if (errno === ERRNO.EINVAL)
    return { cause: "this kernel has no time namespaces", hint: "leave --time and --time-offset out" };
  if (errno === ERRNO.ERANGE)
    return { cause: "the clock would be before its beginning or beyond its end", hint: "give a smaller --time-offset" };
  return undefined;
}
