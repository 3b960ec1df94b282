// Id maps written by this process itself: it may where it has CAP_SETUID and CAP_SETGID in its own user namespace, which is the child's parent
// (user_namespaces(7)). newuidmap(1) is of no use there: the root that it is set-user-ID to is not mapped.
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { O_WRONLY, open, writeAll } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import type { IdMapping } from "../spec/spec.ts";
import type { MapIds } from "./launch_plan.ts";

export const writeIdMaps: MapIds = (pid, { uid, gid }) => {
  for (const [file, mappings] of [["uid_map", uid] as const, ["gid_map", gid] as const]) {
    const errno = writeMap(`/proc/${pid}/${file}`, mappings);
    if (errno === ERRNO.EPERM)
      return {
        kind: "helper",
        program: file,
        message: "some of its ids are not those of the network's user namespace",
      };
    if (errno !== 0) return { kind: "helper", program: file, message: errnoName(errno) };
  }
  return undefined;
};

function writeMap(path: string, mappings: readonly IdMapping[]): number {
  const text = mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
  try {
    using file = open(path, O_WRONLY);
    writeAll(file.number, path, new TextEncoder().encode(text));
    return 0;
  } catch (error) {
    if (error instanceof SyscallError) return error.errno;
    throw error;
  }
}
