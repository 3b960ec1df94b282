// The control group that the Spec asks for, from whoever gives one here; what cannot be had is told as users are to see it.
import { FaultError } from "../base/fault.ts";
import { CgroupError } from "../cgroup/cgroup_error.ts";
import { resourceFiles } from "../cgroup/resource_files.ts";
import { type SandboxCgroup, sandboxCgroup } from "../cgroup/sandbox_cgroup.ts";
import { readCgroup } from "../host/cgroup.ts";
import { mendContext } from "../host/explain_userns_failure.ts";
import { gatherUsernsFacts } from "../host/gather_userns_facts.ts";
import { readMountInfo } from "../host/mount_info.ts";
import { findUser } from "../host/passwd.ts";
import { cgroupFault } from "../report/cgroup_fault.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import type { Spec } from "../spec/spec.ts";
import { titleOf } from "../supervisor/title.ts";

/** Of a description: systemd takes any length, a terminal does not. */
const LONGEST_TITLE = 80;

/** Throws FaultError. */
export function startCgroup(spec: Spec, id: string, { env, uid, text }: HostLookups): SandboxCgroup {
  const name = findUser(text("/etc/passwd") ?? "", uid)?.name;
  const facts = readCgroup(readMountInfo(), env, { uid, name });
  const told = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof CgroupError)) throw error;
      throw new FaultError(cgroupFault(error.failure, { facts, mend: mendContext(gatherUsernsFacts(env)) }));
    }
  };
  const group = told(() =>
    sandboxCgroup({
      ...{ id, facts, uid, now: () => performance.now() },
      description: `sandbox: ${titleOf(spec.process.args).slice(0, LONGEST_TITLE)}`,
      files: resourceFiles(spec.linux.resources ?? {}),
      delegate: spec.sandbox.cgroup?.delegate === true,
    }),
  );
  return {
    cgroupFd: group.cgroupFd,
    place: (pid) => told(() => group.place(pid)),
    get limits() {
      return group.limits;
    },
    isOurs: group.isOurs,
    [Symbol.dispose]: () => group[Symbol.dispose](),
  };
}
