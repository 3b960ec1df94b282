// `sandbox launch-joined MESSAGE WORD...`: the rest of a `sandbox run` in namespaces that it has entered; WORDs are the command's, for ps(1).
// Executed by enter_shared.ts; not for people, so no help speaks of it.
import { deserialize } from "bun:jsc";
import { Fd } from "../../../ffi/fd.ts";
import { contentOf } from "../../../ffi/memory_file.ts";
import { usageFault } from "../../base/fault.ts";
import { hostLookups } from "../../host/read_lookups.ts";
import { writeIdMaps } from "../../launch/write_id_maps.ts";
import { Registration } from "../../state/registration.ts";
import type { JoinedLaunch } from "../enter_shared.ts";
import { launchSandbox } from "../launch_sandbox.ts";

const LARGEST_MESSAGE = 1 << 28;

export function launchJoined([number = ""]: readonly string[]): Promise<number> {
  const { spec, facts, filters, keep, registration, stats, timeLimit } = messageOf(number);
  return launchSandbox({
    spec,
    facts,
    filters,
    lookups: hostLookups(process.env),
    keep,
    ports: [],
    registration: registration && Registration.resume(registration),
    ...{ stats, timeLimit },
    mapIds: writeIdMaps,
  });
}

function messageOf(number: string): JoinedLaunch {
  try {
    using file = new Fd(/^\d{1,5}$/.test(number) ? Number(number) : -1);
    return deserialize(contentOf(file, "the message", LARGEST_MESSAGE).slice().buffer) as JoinedLaunch;
  } catch {
    throw usageFault("Cannot go on", "the message is none", "sandbox starts this command itself");
  }
}
