// The last step of `run` in a network that is there already: what has been prepared goes to this program once more, which is executed inside
// the network's namespaces (commands/launch_shared.ts) and does nothing but launch.
import { serialize } from "bun:jsc";
import { Fd } from "../../ffi/fd.ts";
import { memoryFile } from "../../ffi/memory_file.ts";
import { requestFault } from "../base/fault.ts";
import type { Filters } from "../launch/start.ts";
import { translateMaps } from "../launch/translate_maps.ts";
import type { PlanFacts } from "../plan/facts.ts";
import type { Spec } from "../spec/spec.ts";
import type { HeldRegistration } from "../state/registration.ts";
import { goOnInside } from "./go_on_inside.ts";
import type { Launching } from "./launch_sandbox.ts";
import { leastDescriptor } from "./least_descriptor.ts";
import type { SharedNetwork } from "./shared_network.ts";

/** What the second process is told. Its descriptors have the same numbers there. */
export type SharedLaunch = {
  readonly spec: Spec;
  readonly facts: PlanFacts;
  readonly filters: Filters;
  readonly keep: readonly number[];
  readonly registration: HeldRegistration | undefined;
  readonly stats: Launching["stats"];
  readonly timeLimit: Launching["timeLimit"];
};

/** Does not come back. */
export function enterShared(launching: Launching, shared: SharedNetwork): never {
  const { spec, facts, filters, keep, registration, stats, timeLimit } = launching;
  const preserved = spec.sandbox.preserveFds;
  const least = leastDescriptor(preserved);
  const kept = keep.map((fd) => new Fd(fd).raised(least).number);
  const held = registration?.held;
  const given = { facts, filters, keep: kept, registration: held, stats, timeLimit };
  const launch: SharedLaunch = { spec: withMapsOf(spec, shared), ...given };
  const message = memoryFile("sandbox-launch", new Uint8Array(serialize(launch))).raised(least);
  return goOnInside({
    preserved,
    namespaces: shared.namespaces,
    words: ["launch-shared", String(message.number), ...spec.process.args],
    keep: [message.number, ...kept, ...(held ? held.fds : []), ...(stats ? [stats.fd] : [])],
  });
}

/** Its ids, which are the caller's outside, are others of the namespace that the second process is in. */
function withMapsOf(spec: Spec, { word, maps }: SharedNetwork): Spec {
  if (maps === undefined) return spec;
  const uidMappings = translateMaps(spec.linux.uidMappings, maps.uid);
  const gidMappings = translateMaps(spec.linux.gidMappings, maps.gid);
  if (uidMappings && gidMappings) return { ...spec, linux: { ...spec.linux, uidMappings, gidMappings } };
  throw requestFault(
    `Cannot share a network (--net ${word})`,
    "some ids of this sandbox are not those of the user namespace that the network belongs to",
    "map one id: --userns single",
  );
}
