// Who runs us, by system calls alone: on the start path no file is opened for it.
import { rawSyscall, syscall } from "../../ffi/libc.ts";

/** credentials(7), as this user namespace shows them. */
export type Identity = {
  readonly uid: number;
  readonly gid: number;
  readonly euid: number;
  readonly egid: number;
  /** Supplementary groups, getgroups(2). */
  readonly groups: readonly number[];
};

export function identity(): Identity {
  return {
    uid: rawSyscall("getuid"),
    gid: rawSyscall("getgid"),
    euid: rawSyscall("geteuid"),
    egid: rawSyscall("getegid"),
    groups: groups(),
  };
}

function groups(): readonly number[] {
  const list = new Uint32Array(syscall("getgroups", "supplementary groups", 0));
  return [...list.subarray(0, syscall("getgroups", "supplementary groups", list.length, list))];
}
