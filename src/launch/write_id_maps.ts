// Id maps written by this process itself, which has CAP_SETUID and CAP_SETGID in the user namespace that it is in.
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { O_WRONLY, open, writeAll } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { idMapText } from "../plan/id_map_text.ts";
import type { IdMapping } from "../spec/spec.ts";
import type { MapIds } from "./launch_plan.ts";

export const writeIdMaps: MapIds = (pid, { uid, gid }) => {
  for (const [file, mappings] of [["uid_map", uid] as const, ["gid_map", gid] as const]) {
    const errno = writeMap(`/proc/${pid}/${file}`, mappings);
    if (errno === ERRNO.EPERM)
      return {
        kind: "helper",
        program: file,
        message: "some of its ids are not those of the user namespace that it is in",
      };
    if (errno !== 0) return { kind: "helper", program: file, message: errnoName(errno) };
  }
  return undefined;
};

function writeMap(path: string, mappings: readonly IdMapping[]): number {
  try {
    using file = open(path, O_WRONLY);
    writeAll(file.number, path, new TextEncoder().encode(idMapText(mappings)));
    return 0;
  } catch (error) {
    if (error instanceof SyscallError) return error.errno;
    throw error;
  }
}
