// Who writes the id maps of a user namespace that a child has made, user_namespaces(7): this process where it may do so in the one that it is in,
// which is the child's parent; else newuidmap(1) and newgidmap(1).
import { mayWriteIdMaps } from "../../ffi/process.ts";
import { idMapHelpers } from "./id_map_helpers.ts";
import type { MapIds } from "./launch_plan.ts";
import { writeIdMaps } from "./write_id_maps.ts";

/**
 * `path`: the caller's PATH. `hasEntered`: this process has entered the user namespace that it is in (enter_namespaces.ts) and has all capabilities
 * there, whatever its id; the root that newuidmap is set-user-ID to need not be there.
 */
export function idMapper(path: string, hasEntered = false): MapIds {
  return hasEntered || mayWriteIdMaps() ? writeIdMaps : idMapHelpers(path);
}
