// `sandbox launch-shared MESSAGE WORD...`: the rest of a `sandbox run` in the network of another; WORDs are the command's, for ps(1).
// Executed by enter_shared.ts; not for people, so no help speaks of it.
import { deserialize } from "bun:jsc";
import { Fd } from "../../../ffi/fd.ts";
import { contentOf } from "../../../ffi/memory_file.ts";
import { hostLookups } from "../../host/read_lookups.ts";
import { Registration } from "../../state/registration.ts";
import type { SharedLaunch } from "../enter_shared.ts";
import { internalFault } from "../internal_fault.ts";
import { launchSandbox } from "../launch_sandbox.ts";

const LARGEST_MESSAGE = 1 << 28;

export function launchShared([number = ""]: readonly string[]): Promise<number> {
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
    hasEntered: true,
  });
}

function messageOf(number: string): SharedLaunch {
  try {
    using file = new Fd(/^\d{1,5}$/.test(number) ? Number(number) : -1);
    return deserialize(contentOf(file, "the message", LARGEST_MESSAGE).slice().buffer) as SharedLaunch;
  } catch {
    throw internalFault();
  }
}
