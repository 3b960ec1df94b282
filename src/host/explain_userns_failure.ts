// EPERM is never an answer: from the step that failed, its errno and the facts, to the one cause. The same restriction shows itself
// in several places (Ubuntu's in uid_map, mount, RTM_NEWLINK and setgroups), so causes are tried in the order of their certainty.
import { ERRNO } from "../../ffi/errno.ts";
import type { UsernsFacts } from "./host_facts.ts";
import { type MendContext, type ProblemId, problem } from "./mends.ts";
import type { LaunchStep } from "./probe_programs.ts";
import { CAP, hasCapability } from "./process_status.ts";

export type Explanation = { readonly problem: ProblemId; readonly cause: string; readonly hint: string };

/** Total: an errno that no rule knows gives `refused-unknown`, with what to look at. */
export function explainUsernsFailure(facts: UsernsFacts, step: LaunchStep, errno: number): Explanation {
  const id = problemOf(facts, step, errno);
  const { meaning, mend } = problem(id, mendContext(facts));
  return { problem: id, cause: meaning, hint: mend };
}

export function mendContext(facts: UsernsFacts): MendContext {
  return {
    executable: facts.executable,
    uid: facts.identity.uid,
    ...(facts.userName !== undefined && { userName: facts.userName }),
    ...(facts.container.kind && { container: facts.container.kind }),
    ...(facts.apparmor.label && { label: facts.apparmor.label.profile }),
    ...(facts.apparmor.profile && { profileFile: facts.apparmor.profile.file }),
    procMasks: facts.procMasks,
    zeroLimits: zeroLimits(facts),
  };
}

/** Ubuntu's restriction holds for programs without a profile and without CAP_SYS_ADMIN. */
export function appArmorRestricts({ apparmor, process }: UsernsFacts): boolean {
  const unprofiled = apparmor.label === undefined || UNPROFILED.includes(apparmor.label.profile);
  return apparmor.restrictUserns === true && unprofiled && !hasCapability(process.effective, CAP.CAP_SYS_ADMIN);
}

const UNPROFILED: readonly string[] = ["unconfined", "unprivileged_userns"];

function problemOf(facts: UsernsFacts, step: LaunchStep, errno: number): ProblemId {
  switch (errno) {
    case ERRNO.ENOSPC:
    case ERRNO.EUSERS:
      return zeroLimits(facts).length > 0 ? "namespaces-forbidden" : "namespaces-exhausted";
    case ERRNO.EAGAIN:
      return "processes-exhausted";
    case ERRNO.ENOMEM:
      return "memory-exhausted";
    case ERRNO.ENOSYS:
      return facts.process.seccompFiltered ? seccompProblem(facts) : "call-missing";
    case ERRNO.ENODEV:
      return "file-system-missing";
    case ERRNO.EROFS:
      return "proc-readonly";
    case ERRNO.EINVAL:
      return invalid(facts, step);
    case ERRNO.EPERM:
    case ERRNO.EACCES:
      return refused(facts, step, errno);
    default:
      return "refused-unknown";
  }
}

function zeroLimits({ userns }: UsernsFacts): readonly string[] {
  return Object.entries(userns.max).flatMap(([name, max]) => (max === 0 ? [`user.max_${name}_namespaces`] : []));
}

function invalid({ userns, root }: UsernsFacts, step: LaunchStep): ProblemId {
  if (step === "pivot") return root?.kind === "initramfs" ? "root-is-initramfs" : "pivot-invalid";
  if (step === "clone") return userns.compiledIn ? "clone-invalid" : "userns-not-built";
  return step === "overlay" ? "overlay-upper-unfit" : "refused-unknown";
}

type Rule = {
  readonly problem: ProblemId;
  readonly holds: (facts: UsernsFacts, step: LaunchStep, errno: number) => boolean;
};

const RULES: readonly Rule[] = [
  {
    problem: "userns-clone-sysctl",
    holds: ({ userns, process }, step) =>
      step === "clone" && userns.unprivilegedClone === false && !hasCapability(process.effective, CAP.CAP_SYS_ADMIN),
  },
  { problem: "chroot", holds: ({ root }, step) => step === "clone" && root?.kind === "chroot" },
  { problem: "proc-masked", holds: ({ procMasks }, step) => step === "proc" && procMasks.length > 0 },
  // A filter's usual answer is EPERM, and at once: the other refusals come after a clone that succeeded.
  {
    problem: "seccomp-filter",
    holds: ({ process }, step, errno) => process.seccompFiltered && step === "clone" && errno === ERRNO.EPERM,
  },
  { problem: "apparmor-userns", holds: (facts) => appArmorRestricts(facts) },
  {
    problem: "apparmor-confined",
    holds: ({ apparmor: { label } }) => label?.mode === "enforce" || label?.mode === "kill",
  },
  {
    problem: "setfcap",
    holds: ({ identity, process }, step) =>
      step === "uid_map" && identity.uid === 0 && !hasCapability(process.effective, CAP.CAP_SETFCAP),
  },
  { problem: "seccomp-filter", holds: ({ process }) => process.seccompFiltered },
  { problem: "selinux", holds: ({ selinux }) => selinux.state === "enforcing" },
  // mnt_already_visible() looks at all of the mount namespace: a /proc that is read-only or shown in part counts as masked too.
  { problem: "proc-masked", holds: (_, step) => step === "proc" },
  { problem: "landlocked", holds: (_, step, errno) => (step === "mount" || step === "pivot") && errno === ERRNO.EPERM },
];

function refused(facts: UsernsFacts, step: LaunchStep, errno: number): ProblemId {
  const rule = RULES.find(({ holds }) => holds(facts, step, errno));
  return rule?.problem === "seccomp-filter" ? seccompProblem(facts) : (rule?.problem ?? "refused-unknown");
}

function seccompProblem({ container }: UsernsFacts): ProblemId {
  return container.kind ? "seccomp-container" : "seccomp-filter";
}
