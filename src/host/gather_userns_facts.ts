// The part of the facts that explains a refused namespace: read when a launch has failed, never before.

import { readlink } from "../../ffi/file.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { readAppArmor } from "./apparmor.ts";
import { readContainer } from "./container.ts";
import type { UsernsFacts } from "./host_facts.ts";
import { identity } from "./identity.ts";
import { readKernel } from "./kernel.ts";
import { procMasks, readMountInfo, rootMount } from "./mount_info.ts";
import { findUser } from "./passwd.ts";
import { readProcessStatus } from "./process_status.ts";
import { readHostFile } from "./read_host_file.ts";
import { readSELinux } from "./selinux.ts";
import { readUsernsLimits } from "./userns_limits.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** `executable`: the program's absolute path, when it is not /proc/self/exe. */
export function gatherUsernsFacts(env: Environment, executable = ownExecutable()): UsernsFacts {
  const mounts = readMountInfo();
  const root = rootMount(mounts);
  const userName = findUser(readHostFile("/etc/passwd", 16 << 20) ?? "", rawSyscall("getuid"))?.name;
  return {
    identity: identity(),
    ...(userName !== undefined && { userName }),
    executable,
    userns: readUsernsLimits(),
    apparmor: readAppArmor(executable),
    selinux: readSELinux(),
    container: readContainer(env, readKernel().release),
    process: readProcessStatus(),
    ...(root && { root }),
    procMasks: procMasks(mounts),
  };
}

/** A program that was replaced while it runs shows as `PATH (deleted)`. */
function ownExecutable(): string {
  return (readlink("/proc/self/exe") ?? "sandbox").replace(/ \(deleted\)$/, "");
}
