// `sandbox update [OPTION...] SANDBOX`: other limits while it runs.
import { dirname } from "node:path";
import { FaultError, usageFault } from "../../base/fault.ts";
import { CgroupError } from "../../cgroup/cgroup_error.ts";
import { Group } from "../../cgroup/group.ts";
import { resourceFiles } from "../../cgroup/resource_files.ts";
import { limitGroup } from "../../cgroup/set_up_group.ts";
import { blockDevice } from "../../host/block_device.ts";
import { readCgroup } from "../../host/cgroup.ts";
import { mendContext } from "../../host/explain_userns_failure.ts";
import { gatherUsernsFacts } from "../../host/gather_userns_facts.ts";
import { readMountInfo } from "../../host/mount_info.ts";
import { cgroupFault } from "../../report/cgroup_fault.ts";
import type { Parsed } from "../command.ts";
import { runLimits } from "../run_limits.ts";
import { sandboxGroup } from "../sandbox_group.ts";

export function update(parsed: Parsed): number {
  const limits = runLimits(parsed, blockDevice);
  const [word = ""] = parsed.positionals;
  if (limits === undefined)
    throw usageFault("Cannot update a sandbox", "no limit is given", `give one: sandbox update --memory 1g ${word}`);
  using group = sandboxGroup(word, "update").group;
  using parent = Group.open(dirname(group.path));
  try {
    limitGroup(parent, group, { files: resourceFiles(limits.resources), delegate: false });
    return 0;
  } catch (error) {
    if (!(error instanceof CgroupError)) throw error;
    const mend = mendContext(gatherUsernsFacts(process.env));
    const facts = readCgroup(readMountInfo(), process.env, { uid: mend.uid, name: mend.userName });
    throw new FaultError(cgroupFault(error.failure, { facts, mend }));
  }
}
