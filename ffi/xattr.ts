// Extended attributes, xattr(7).
import { cstring } from "./cstring.ts";
import { rawSyscall } from "./libc.ts";

const LARGEST = 4096;

/** getxattr(2), following links; `undefined` when the attribute is absent or cannot be read. */
export function getxattr(path: string, name: string): Uint8Array | undefined {
  const value = new Uint8Array(LARGEST);
  const length = rawSyscall("getxattr", cstring(path), cstring(name), value, value.length);
  return length < 0 ? undefined : value.subarray(0, length);
}
