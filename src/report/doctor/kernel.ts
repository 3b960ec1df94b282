// Kernel, architecture, and what this process was born with.

import type { HostFacts } from "../../host/host_facts.ts";
import { atLeast, MACHINES, MINIMUM_KERNEL } from "../../host/kernel.ts";
import { type Finder, type Finding, info, ok, trouble } from "./finding.ts";

export const findKernel: Finder = (facts) => [
  version(facts),
  machine(facts),
  seccomp(facts),
  landlock(facts),
  memfd(facts),
  ...processLimits(facts),
  ...surroundings(facts),
];

function version(facts: HostFacts): Finding {
  const { major, minor } = MINIMUM_KERNEL;
  const subject = ["kernel.version", "Kernel", `Linux ${facts.kernel.release} on ${facts.os.prettyName}`] as const;
  return atLeast(facts.kernel, MINIMUM_KERNEL)
    ? ok(...subject, `${major}.${minor} or newer is needed`)
    : trouble("fail", subject, "kernel-too-old", facts);
}

function machine(facts: HostFacts): Finding {
  const subject = ["kernel.machine", "Architecture", facts.kernel.machine] as const;
  return MACHINES.includes(facts.kernel.machine)
    ? ok(...subject, "supported")
    : trouble("fail", subject, "machine-unknown", facts);
}

function seccomp(facts: HostFacts): Finding {
  const { seccompActions } = facts.lockdown;
  if (!seccompActions.includes("errno"))
    return trouble("fail", ["kernel.seccomp", "System call filter", "no actions available"], "seccomp-missing", facts);
  const notify = seccompActions.includes("user_notif") ? ", with user notification" : "";
  return ok(
    "kernel.seccomp",
    "System call filter",
    `available${notify}`,
    "dangerous system calls are refused in a sandbox",
  );
}

function landlock(facts: HostFacts): Finding {
  const { landlock } = facts.lockdown;
  if (landlock.kind === "abi")
    return ok(
      "kernel.landlock",
      "Landlock",
      `ABI ${landlock.version}`,
      "path rules on top of the mounts are available",
    );
  const detail = landlock.why === "not-built" ? "not in this kernel" : "in this kernel, and not enabled at boot";
  return trouble("warn", ["kernel.landlock", "Landlock", detail], "landlock-missing", facts);
}

function memfd(facts: HostFacts): Finding {
  const { memfdNoexec } = facts.lockdown;
  const subject = [
    "kernel.memfd",
    "Executing from memory",
    `vm.memfd_noexec is ${memfdNoexec ?? "not there"}`,
  ] as const;
  return memfdNoexec === 2
    ? trouble("fail", subject, "memfd-noexec", facts)
    : ok(...subject, "PID 1 of a sandbox is executed from memory, so that it leads to no file of yours");
}

const FEW_FILES = 64;
const FEW_PROCESSES = 16;

function processLimits(facts: HostFacts): readonly Finding[] {
  const { RLIMIT_NOFILE, RLIMIT_NPROC } = facts.rlimits;
  const files = ["process.nofile", "Open files", `RLIMIT_NOFILE is ${shown(RLIMIT_NOFILE.soft)}`] as const;
  const processes = ["process.nproc", "Processes", `RLIMIT_NPROC is ${shown(RLIMIT_NPROC.soft)}`] as const;
  return [
    (RLIMIT_NOFILE.soft ?? FEW_FILES) < FEW_FILES
      ? trouble("warn", files, "no-descriptors", facts)
      : ok(...files, "enough"),
    (RLIMIT_NPROC.soft ?? FEW_PROCESSES) < FEW_PROCESSES
      ? trouble("warn", processes, "no-processes", facts)
      : ok(...processes, "enough"),
  ];
}

function shown(limit: number | undefined): string {
  return limit === undefined ? "unlimited" : String(limit);
}

function surroundings(facts: HostFacts): readonly Finding[] {
  return [container(facts), confinement(facts), selinux(facts), ...privileges(facts), ...yama(facts)];
}

function container({ container: { kind, userNamespace } }: HostFacts): Finding {
  const where =
    kind === undefined ? "none: this is the machine itself" : kind === "unknown" ? "yes, of an unknown kind" : kind;
  const nested = userNamespace ? "; in a user namespace already" : "";
  return info(
    "host.container",
    "Outer container",
    `${where}${nested}`,
    "an outer container's rules hold in a sandbox too",
  );
}

function confinement({ apparmor }: HostFacts): Finding {
  if (!apparmor.enabled) return info("host.apparmor", "AppArmor", "not enabled", "it forbids nothing here");
  const { label, restrictUserns, profile } = apparmor;
  const confined = label
    ? `this process: ${label.profile}${label.mode === "unconfined" ? "" : ` (${label.mode})`}`
    : "enabled";
  const restricted = restrictUserns ? "; user namespaces are restricted to programs with a profile" : "";
  const found = profile ? `; profile on disk: ${profile.file}${profile.allowsUserns ? "" : ", without userns"}` : "";
  return info(
    "host.apparmor",
    "AppArmor",
    `${confined}${restricted}${found}`,
    "it may refuse user namespaces and mounts",
  );
}

function selinux({ selinux: { state, context } }: HostFacts): Finding {
  const as = context ? `, this process: ${context}` : "";
  return info(
    "host.selinux",
    "SELinux",
    `${state}${as}`,
    "its policy may refuse user namespaces and mounts when it is enforcing",
  );
}

function privileges({ process }: HostFacts): readonly Finding[] {
  const set = [
    process.noNewPrivs ? ["no_new_privs"] : [],
    process.seccompFiltered ? ["a system call filter"] : [],
  ].flat();
  if (set.length === 0) return [];
  return [info("process.restrictions", "This process", `started with ${set.join(" and ")}`, "a sandbox inherits both")];
}

const TRACING = ["any process of the same user", "descendants only", "root only", "nobody"] as const;

function yama({ lockdown: { ptraceScope } }: HostFacts): readonly Finding[] {
  if (ptraceScope === undefined) return [];
  const detail = `kernel.yama.ptrace_scope is ${ptraceScope}: ${TRACING[ptraceScope] ?? "unknown"}`;
  return [info("host.yama", "Tracing", detail, "a debugger or strace can attach to these")];
}
