// The file system that a path lies on, statfs(2). The structure is the same on x86-64 and aarch64.
import { cstring } from "./cstring.ts";
import { rawSyscall } from "./libc.ts";
import { struct } from "./struct.ts";

const statfsStruct = struct({
  f_type: "u64",
  f_bsize: "u64",
  f_blocks: "u64",
  f_bfree: "u64",
  f_bavail: "u64",
  f_files: "u64",
  f_ffree: "u64",
  f_fsid: "u64",
  f_namelen: "u64",
  f_frsize: "u64",
  f_flags: "u64",
});

const ST_RDONLY = 1;
const ST_NOSUID = 2;
const ST_NODEV = 4;
const ST_NOEXEC = 8;

export type FileSystem = {
  /** The magic number, e.g. 0x6969 of nfs. */
  readonly type: number;
  readonly readonly: boolean;
  readonly nosuid: boolean;
  readonly nodev: boolean;
  readonly noexec: boolean;
  /** Free for the unprivileged, in bytes. */
  readonly available: number;
};

/** `undefined` when the path cannot be reached. */
export function statfs(path: string): FileSystem | undefined {
  // The kernel writes 120 bytes: four spare words follow f_flags.
  const buffer = new Uint8Array(statfsStruct.size + 32);
  if (rawSyscall("statfs", cstring(path), buffer) < 0) return undefined;
  const { f_type, f_bsize, f_bavail, f_flags } = statfsStruct.decode(buffer);
  const has = (flag: number): boolean => (f_flags & flag) !== 0;
  return {
    type: f_type,
    readonly: has(ST_RDONLY),
    nosuid: has(ST_NOSUID),
    nodev: has(ST_NODEV),
    noexec: has(ST_NOEXEC),
    available: f_bavail * f_bsize,
  };
}
