// `sandbox internal-store MESSAGE ANSWER`: does one job of the store's (rootfs-builder/store/job.ts), as root inside a user namespace that the
// store's own process has started this in (src/launch/run_as_root.ts). Not for people, so no help speaks of it.
import { readAll, writeAll } from "../../../ffi/file.ts";
import { outcomeOf, parseJob } from "../../../rootfs-builder/store/job_message.ts";
import { performJob } from "../../../rootfs-builder/store/perform_job.ts";
import { internalFault } from "../internal_fault.ts";

const LARGEST_MESSAGE = 1 << 16;

export async function internalStore(argv: readonly string[]): Promise<number> {
  const [message, answer] = argv.map((text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined));
  if (message === undefined || answer === undefined || argv.length !== 2) throw misuse("it takes two descriptors");
  const job = parseJob(new TextDecoder().decode(readAll(message, "the message", LARGEST_MESSAGE)));
  if (job === undefined) throw misuse("the message is no job");
  const outcome = await outcomeOf(() => performJob(job));
  writeAll(answer, "the answer", new TextEncoder().encode(JSON.stringify(outcome)));
  return 0;
}

function misuse(cause: string): Error {
  return internalFault("Cannot do the store's work", cause);
}
