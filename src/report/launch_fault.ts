// A failed launch → what is said of it. Pure, but for the facts, which are gathered only when a refusal of the kernel needs them.
import { errnoName } from "../../ffi/errno.ts";
import type { Fault } from "../base/fault.ts";
import { explainUsernsFailure } from "../host/explain_userns_failure.ts";
import type { UsernsFacts } from "../host/host_facts.ts";
import type { LaunchStep } from "../host/probe_programs.ts";
import type { LaunchFailure } from "../launch/launch_plan.ts";
import type { Aim } from "../plan/aim.ts";
import type { Spec } from "../spec/spec.ts";
import { execFault } from "./exec_fault.ts";
import { type Reason, stepReason } from "./step_reason.ts";

type StepFailure = Extract<LaunchFailure, { kind: "step" }>;

export function launchFault(failure: LaunchFailure, spec: Spec, facts: () => UsernsFacts): Fault {
  switch (failure.kind) {
    case "clone":
      return cloneFault(failure.errno, facts);
    case "step":
      return stepFault(failure, spec, facts);
    case "exec":
      return execFault(failure, spec);
    case "init":
      return ours(
        "Cannot start the command",
        `PID 1 could not fork: ${errnoName(failure.errno)}`,
        "raise --ulimit nproc, or end other processes of this user",
      );
    case "helper":
      return ours(
        "Cannot map a range of ids",
        `${failure.program}: ${failure.message}`,
        "see what is wrong: sandbox doctor\nor do without a range: sandbox run --userns single ...",
      );
    case "lost":
      return ours(
        "Cannot start the command",
        lostCause(failure.exitCode),
        "was it killed from outside? the kernel's log may tell: dmesg | tail",
      );
  }
}

function lostCause(exitCode: number): string {
  const how = exitCode > 128 ? `by signal ${exitCode - 128}` : `with status ${exitCode}`;
  return `the sandbox ended ${how} before the command ran`;
}

function ours(what: string, cause: string, hint: string): Fault {
  return { exitCode: 125, what, cause, hint };
}

function cloneFault(errno: number, facts: () => UsernsFacts): Fault {
  const { cause, hint } = explainUsernsFailure(facts(), "clone", errno);
  return ours("Cannot create a user namespace", `${cause} (clone3: ${errnoName(errno)})`, hint);
}

function stepFault({ step, errno }: StepFailure, spec: Spec, facts: () => UsernsFacts): Fault {
  const what = whatOf(step.aim);
  const call = `${step.call}: ${errnoName(errno)}`;
  const reason: Reason | undefined = stepReason(step.aim, step.call, errno, spec);
  if (reason) return ours(what, `${reason.cause} (${call})`, reason.hint);
  const { cause, hint } = explainUsernsFailure(facts(), launchStep(step.aim), errno);
  const bind =
    step.aim.kind === "mount" && step.aim.type === "proc"
      ? `${hint}\nor show the outer /proc and /sys: sandbox run --proc bind ...`
      : hint;
  return ours(what, `${cause} (${call})`, bind);
}

/** The step of the launch that a refusal is explained by. */
function launchStep(aim: Aim): LaunchStep {
  switch (aim.kind) {
    case "map-ids":
      return aim.file;
    case "network":
    case "loopback":
    case "tap":
    case "interface":
    case "member":
      return "loopback";
    case "hostname":
    case "domainname":
      return "hostname";
    case "root":
      return aim.what === "pivot" ? "pivot" : aim.what === "overlay" ? "overlay" : "mount";
    case "mount":
      return aim.type === "proc" || aim.type === "sysfs" || aim.type === "overlay" ? aim.type : "mount";
    default:
      return "mount";
  }
}

function whatOf(aim: Aim): string {
  switch (aim.kind) {
    case "release":
      return "Cannot wait to be released";
    case "cgroup":
      return "Cannot create a cgroup namespace";
    case "map-ids":
      return `Cannot write ${aim.file} of the new user namespace`;
    case "descriptors":
      return "Cannot pass descriptors on";
    case "time":
      return "Cannot set the clocks of a time namespace";
    case "network":
      return "Cannot create a network namespace";
    case "loopback":
      return "Cannot bring up the loopback interface";
    case "tap":
      return "Cannot make the network device (/dev/net/tun)";
    case "interface":
      return "Cannot set up the network device";
    case "member":
      return `Cannot join the network ${aim.network}`;
    case "hostname":
      return `Cannot set the host name ${aim.name}`;
    case "domainname":
      return `Cannot set the domain name ${aim.name}`;
    case "root":
      return ROOT_WHAT[aim.what](aim.path);
    case "mount":
    case "target":
      return mountWhat(aim);
    case "device":
      return `Cannot show the device ${aim.path}`;
    case "mask":
      return `Cannot hide ${aim.path}`;
    case "readonly":
      return `Cannot make ${aim.path} read-only`;
    case "rlimit":
      return `Cannot set the limit ${aim.type.slice(7).toLowerCase()} (--ulimit)`;
    case "nice":
      return "Cannot set the niceness (--nice)";
    case "oom-score":
      return "Cannot set the OOM killer's score (--oom-score-adj)";
    case "session":
      return "Cannot begin a new session";
    case "terminal":
      return "Cannot allocate a terminal (-t)";
    case "cwd":
      return `Cannot change to the working directory ${aim.path}`;
    case "user":
      return `Cannot become user ${aim.uid} and group ${aim.gid}`;
    case "capabilities":
      return "Cannot set capabilities";
    case "seccomp":
      return "Cannot install the seccomp filter";
    case "landlock":
      return "Cannot deny connections but those of the supervisor (--net fast)";
    case "listener":
      return "Cannot watch the command's connections (--net fast)";
    case "die-with-parent":
      return "Cannot tie the sandbox to its supervisor";
    case "init":
      return "Cannot execute PID 1";
  }
}

const ROOT_WHAT: Readonly<Record<Extract<Aim, { kind: "root" }>["what"], (path: string) => string>> = {
  tmpfs: () => "Cannot make a new root file system in memory",
  overlay: (path) => `Cannot lay an overlay on ${path}`,
  bind: (path) => `Cannot use ${path} as the root file system`,
  pivot: () => "Cannot change the root (pivot_root)",
};

function mountWhat({ type, source, destination }: Extract<Aim, { kind: "mount" | "target" }>): string {
  switch (type) {
    case "bind":
      return source === destination ? `Cannot show ${source}` : `Cannot mount ${source} on ${destination}`;
    case "data":
    case "symlink":
    case "directory":
      return `Cannot make ${destination}`;
    default:
      return `Cannot mount a new ${type} on ${destination}`;
  }
}
