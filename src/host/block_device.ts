// The number of a block device, by which the kernel's I/O controller calls it.
import { cstring } from "../../ffi/cstring.ts";
import { AT_FDCWD, S_IFMT } from "../../ffi/file.ts";
import { rawSyscall } from "../../ffi/libc.ts";

const STATX_TYPE = 1;
const S_IFBLK = 0o060000;
/** struct statx: stx_mode, stx_rdev_major, stx_rdev_minor. */
const [MODE_AT, MAJOR_AT, MINOR_AT] = [28, 128, 132];

export type BlockDevice = { readonly major: number; readonly minor: number };

/** Symbolic links followed; `undefined` where `path` is none, or may not be looked at. */
export function blockDevice(path: string): BlockDevice | undefined {
  const buffer = new Uint8Array(256);
  if (rawSyscall("statx", AT_FDCWD, cstring(path), 0, STATX_TYPE, buffer) < 0) return undefined;
  const view = new DataView(buffer.buffer);
  if ((view.getUint16(MODE_AT, true) & S_IFMT) !== S_IFBLK) return undefined;
  return { major: view.getUint32(MAJOR_AT, true), minor: view.getUint32(MINOR_AT, true) };
}
