// An archive, compressed or not, into an empty folder. What comes out belongs to the caller: ownership is not set here.
import { decompress } from "./decompress.ts";
import { TarReader } from "./reader.ts";
import type { TarEntry, TarEvent } from "./tar_entry.ts";
import { TarError } from "./tar_error.ts";
import { TreeWriter } from "./tree_writer.ts";

export type ExtractLimits = {
  /** Of the archive after decompression, headers included. */
  readonly bytes: number;
  readonly entries: number;
};

export type Extraction = {
  readonly entries: number;
  /** Device nodes in the archive: making them takes privileges that no caller is asked for, so they are told instead. */
  readonly devices: readonly TarEntry[];
};

/** Beyond any image in use; there to end a bomb before the disk does. */
export const DEFAULT_EXTRACT_LIMITS: ExtractLimits = { bytes: 64 * 2 ** 30, entries: 4_000_000 };

/**
 * Unpacks `archive` below `root`, a descriptor of an empty folder. Modes are exact whatever the umask, setuid included:
 * keep the folder where others cannot reach it. Throws {@link TarError} for what is wrong with the archive, SyscallError
 * for what the machine refuses; the folder is then left half full, for the caller to remove.
 */
export async function extract(
  archive: AsyncIterable<Uint8Array>,
  root: number,
  limits: ExtractLimits = DEFAULT_EXTRACT_LIMITS,
): Promise<Extraction> {
  const reader = new TarReader();
  using writer = new TreeWriter(root);
  const tally = { entries: 0, devices: [] as TarEntry[] };
  for await (const chunk of decompress(archive, limits))
    for (const event of reader.push(chunk)) perform(event, writer, tally, limits.entries);
  reader.end();
  writer.finish();
  return tally;
}

function perform(
  event: TarEvent,
  writer: TreeWriter,
  tally: { entries: number; devices: TarEntry[] },
  limit: number,
): void {
  switch (event.kind) {
    case "entry":
      if (++tally.entries > limit)
        throw new TarError(`it has more than the limit of ${limit} entries`, event.entry.offset);
      if (event.entry.type === "character" || event.entry.type === "block") tally.devices.push(event.entry);
      return writer.begin(event.entry);
    case "data":
      return writer.write(event.bytes);
    case "done":
      return writer.done();
  }
}
