// Device nodes that a sandbox may be asked to use: /dev/net/tun for a network of its own, /dev/fuse for file systems in it.

import { cstring } from "../../ffi/cstring.ts";
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { AT_FDCWD, O_CLOEXEC, O_NONBLOCK, O_RDWR } from "../../ffi/file.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { type ModuleState, readModule } from "./modules.ts";

export type DeviceState =
  | { readonly kind: "ready" }
  | { readonly kind: "missing"; readonly module: ModuleState }
  /** The node is there, and there is no driver behind it. */
  | { readonly kind: "no-driver"; readonly module: ModuleState }
  | { readonly kind: "denied"; readonly errno: "EACCES" | "EPERM" }
  | { readonly kind: "failed"; readonly errno: string };

/** Opens the node as a sandbox would, and closes it. */
export function readDevice(path: string, module: string, release: string): DeviceState {
  const fd = rawSyscall("openat", AT_FDCWD, cstring(path), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) rawSyscall("close", fd);
  return decideDevice(fd, () => readModule(module, release));
}

/** `result` of open(2): a descriptor or a negated errno. */
export function decideDevice(result: number, module: () => ModuleState): DeviceState {
  switch (-result) {
    case ERRNO.ENOENT:
    case ERRNO.ENOTDIR:
      return { kind: "missing", module: module() };
    case ERRNO.ENODEV:
    case ERRNO.ENXIO:
      return { kind: "no-driver", module: module() };
    case ERRNO.EACCES:
      return { kind: "denied", errno: "EACCES" };
    case ERRNO.EPERM:
      return { kind: "denied", errno: "EPERM" };
    default:
      return result >= 0 ? { kind: "ready" } : { kind: "failed", errno: errnoName(-result) };
  }
}
