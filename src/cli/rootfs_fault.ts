// What went wrong in the store, as the fault that the command ends with.
import { RootfsError } from "../../rootfs-builder/rootfs_error.ts";
import { requestFault } from "../base/fault.ts";

/** Errors of other kinds are given back as they are. */
export function rootfsFault(error: unknown): unknown {
  return error instanceof RootfsError
    ? requestFault(`Cannot ${error.step} ${error.object}`, error.cause, error.hint)
    : error;
}
