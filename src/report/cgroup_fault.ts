// A control group that cannot be had → what is said of it: which controller is missing where, and the mend. Pure.
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import type { Fault } from "../base/fault.ts";
import type { CgroupFailure } from "../cgroup/cgroup_error.ts";
import type { BusFailure } from "../cgroup/dbus/bus_failure.ts";
import type { NoDelegation } from "../cgroup/find_delegation.ts";
import type { CgroupFacts } from "../host/cgroup.ts";
import { type MendContext, type ProblemId, problem } from "../host/mends.ts";

export type CgroupContext = { readonly facts: CgroupFacts; readonly mend: MendContext };

type Reason = { readonly cause: string; readonly hint: string };

/** What needs no control group; of single processes, or of all of a user's. */
const WITHOUT = "limits of single processes need no control group: --ulimit as=SIZE, cpu=SECONDS, nproc=N, fsize=SIZE";

export function cgroupFault(failure: CgroupFailure, context: CgroupContext): Fault {
  const { cause, hint } = reasonOf(failure, context);
  return { exitCode: 125, what: "Cannot limit the sandbox", cause, hint };
}

function reasonOf(failure: CgroupFailure, context: CgroupContext): Reason {
  switch (failure.kind) {
    case "nowhere":
      return nowhereReason(failure.reason, context);
    case "bus":
      return busReason(failure.path, failure.failure, context);
    case "unseen":
      return {
        cause: `${failure.unit} is not among the control groups that are seen here: the command is in ${failure.found}`,
        hint: "start sandbox in the namespaces of the systemd user manager, or in a group that is handed over",
      };
    case "missing":
      return controllersReason(failure.controllers, failure.where, context);
    case "enable":
      return enableReason(failure.controllers, failure.where, failure.errno);
    case "make":
      return refusedReason(`the group in ${failure.where} cannot be made`, failure.errno, context);
    case "move":
      return refusedReason(`no process can be moved to ${failure.where}`, failure.errno, context);
    case "content":
      return contentReason(failure.file, failure.content, failure.errno);
  }
}

function nowhereReason(reason: NoDelegation, context: CgroupContext): Reason {
  switch (reason.kind) {
    case "none":
      return mended("cgroup-none", context, WITHOUT);
    case "legacy":
      return mended("cgroup-legacy", context, WITHOUT);
    case "refused":
      return mended(obstacle(context), context, WITHOUT);
    case "controllers":
      return controllersReason(reason.missing, reason.where, context);
  }
}

function obstacle({ facts: { manager }, mend: { container } }: CgroupContext): ProblemId {
  return manager.systemd && container === undefined ? "cgroup-no-session" : "cgroup-not-delegated";
}

function mended(id: ProblemId, { mend: context }: CgroupContext, more?: string): Reason {
  const { meaning, mend } = problem(id, context);
  return { cause: meaning.replace(/\.$/, ""), hint: more === undefined ? mend : `${mend}\n${more}` };
}

function controllersReason(missing: readonly string[], where: string, context: CgroupContext): Reason {
  const cause = `${where} does not hand down: ${missing.join(", ")}`;
  if (where.endsWith(".service") || where.endsWith(".scope"))
    return { cause, hint: problem("cgroup-controllers", context.mend).mend };
  return {
    cause,
    hint: `have it switched on above: echo ${missing.map((name) => `+${name}`).join(" ")} | sudo tee ${parentOf(where)}/cgroup.subtree_control`,
  };
}

function parentOf(folder: string): string {
  return folder.slice(0, folder.lastIndexOf("/"));
}

function enableReason(controllers: readonly string[], where: string, errno: number): Reason {
  const cause = `${controllers.join(", ")} cannot be switched on in ${where} (${errnoName(errno)})`;
  if (errno === ERRNO.EBUSY)
    return {
      cause: `${cause}: processes are in that group itself`,
      hint: "start sandbox in a group of its own: systemd-run --user --scope -p Delegate=yes sandbox run ...",
    };
  // cgroup-v2, "CPU": realtime processes have to be in the root group before the controller can be enabled.
  if (errno === ERRNO.EINVAL && controllers.includes("cpu"))
    return {
      cause: `${cause}: a realtime process is in the way`,
      hint: "see which: ps -eo pid,cls,cmd | grep -E 'FF|RR'",
    };
  return { cause, hint: "see what is wrong: sandbox doctor" };
}

function refusedReason(what: string, errno: number, context: CgroupContext): Reason {
  const hint =
    errno === ERRNO.EACCES || errno === ERRNO.EPERM ? problem("cgroup-not-delegated", context.mend).mend : "";
  return { cause: `${what} (${errnoName(errno)})`, hint };
}

function contentReason(file: string, content: string, errno: number): Reason {
  const cause = `the kernel does not take ${JSON.stringify(content)} for ${file} (${errnoName(errno)})`;
  if (errno === ERRNO.ENOENT) return { cause: `this kernel has no ${file}`, hint: "" };
  if (file === "io.max" || file === "io.weight")
    return { cause, hint: "limits of I/O are for whole disks, not for partitions: lsblk -d -o PATH,MAJ:MIN" };
  if (file.startsWith("cpuset."))
    return {
      cause,
      hint: "see which there are: cat /sys/fs/cgroup/cpuset.cpus.effective /sys/fs/cgroup/cpuset.mems.effective",
    };
  return { cause, hint: "" };
}

function busReason(path: string, failure: BusFailure, context: CgroupContext): Reason {
  const session = mended("cgroup-no-session", context).hint;
  switch (failure.kind) {
    case "socket":
      return { cause: `nobody answers at the session bus ${path} (${errnoName(failure.errno)})`, hint: session };
    case "refused":
      return {
        cause: `the session bus ${path} is another user's`,
        hint: `name your own: export XDG_RUNTIME_DIR=/run/user/${context.mend.uid}; unset DBUS_SESSION_BUS_ADDRESS`,
      };
    case "closed":
      return { cause: `the session bus ${path} has hung up`, hint: "look at it: systemctl --user status dbus" };
    case "silent":
      return {
        cause: `the systemd user manager has not answered for ${failure.seconds} seconds`,
        hint: "look at it: systemctl --user status",
      };
    case "garbled":
      return { cause: `what answers at ${path} does not speak D-Bus: ${failure.detail}`, hint: session };
    case "error":
      return errorReason(failure, path, session);
  }
}

const NO_MANAGER: readonly string[] = [
  "org.freedesktop.DBus.Error.ServiceUnknown",
  "org.freedesktop.DBus.Error.NameHasNoOwner",
  "org.freedesktop.DBus.Error.Spawn.ChildExited",
  "org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
];

function errorReason({ name, text }: Extract<BusFailure, { kind: "error" }>, path: string, session: string): Reason {
  if (NO_MANAGER.includes(name))
    return { cause: `no systemd user manager is on the session bus ${path}`, hint: session };
  return {
    cause: `the systemd user manager refuses: ${text || name}`,
    hint: "see what is wrong: systemctl --user status",
  };
}
