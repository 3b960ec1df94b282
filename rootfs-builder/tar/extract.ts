// An archive, compressed or not, into an empty folder.
import type { Ownership } from "./attributes.ts";
import { decompress } from "./decompress.ts";
import { LONGEST_PATH } from "./member_path.ts";
import { TarReader } from "./reader.ts";
import type { TarEntry, TarEvent } from "./tar_entry.ts";
import { TarError } from "./tar_error.ts";
import { TreeWriter } from "./tree_writer.ts";

export type ExtractLimits = {
  /** Of the archive after decompression, headers included; and of all files together, holes included. */
  readonly bytes: number;
  readonly entries: number;
  /** Of a name, in bytes; what the system takes by default. */
  readonly path?: number | undefined;
  /** Bytes after decompression for each one before, see RATIO_FROM of decompress.ts. */
  readonly ratio?: number | undefined;
};

export type ExtractOptions = {
  readonly limits?: ExtractLimits | undefined;
  /** `plain`, the default: `.wh.` begins a name like any other. `overlay`: the archive is a layer, see whiteout.ts. */
  readonly whiteouts?: "plain" | "overlay" | undefined;
  /** `ignore` by default. */
  readonly ownership?: Ownership | undefined;
};

export type Extraction = {
  readonly entries: number;
  /** Device nodes in the archive: making them takes privileges that no caller is asked for, so they are told instead. */
  readonly devices: readonly TarEntry[];
  /** Namespace of extended attributes → how many were left out: what takes privileges, and what the file system lacks. */
  readonly skippedXattrs: ReadonlyMap<string, number>;
};

/** Beyond any image in use; there to end a bomb before the disk does. deflate's own ratio ends at 1032. */
export const DEFAULT_EXTRACT_LIMITS: ExtractLimits = { bytes: 64 * 2 ** 30, entries: 4_000_000 };

/**
 * What was read of the archive is garbage once it is decompressed, and JavaScriptCore lets it pile up. Collected this often, it costs
 * 2 % of the time and archives of any size take the same memory; small ones end before. In bytes.
 */
const COLLECT_EVERY = 1 << 26;
const COLLECT_FROM = 1 << 27;

type Tally = { entries: number; bytes: number; readonly devices: TarEntry[] };

/**
 * Unpacks `archive` below `root`, a descriptor of an empty folder. Modes are exact whatever the umask, setuid included:
 * keep the folder where others cannot reach it. Throws {@link TarError} for what is wrong with the archive, SyscallError
 * for what the machine refuses; the folder is then left half full, for the caller to remove.
 */
export async function extract(
  archive: AsyncIterable<Uint8Array>,
  root: number,
  { limits = DEFAULT_EXTRACT_LIMITS, whiteouts = "plain", ownership = "ignore" }: ExtractOptions = {},
): Promise<Extraction> {
  const reader = new TarReader();
  using writer = new TreeWriter(root, {
    ownership,
    whiteouts,
    path: Math.min(limits.path ?? LONGEST_PATH, LONGEST_PATH),
  });
  const tally: Tally = { entries: 0, bytes: 0, devices: [] };
  let uncollected = COLLECT_EVERY - COLLECT_FROM;
  for await (const chunk of decompress(archive, limits)) {
    for (const event of reader.push(chunk)) perform(event, writer, tally, limits);
    uncollected += chunk.length;
    if (uncollected < COLLECT_EVERY) continue;
    uncollected = 0;
    Bun.gc(true);
  }
  reader.end();
  writer.finish();
  return { entries: tally.entries, devices: tally.devices, skippedXattrs: writer.attributes.skipped };
}

function perform(event: TarEvent, writer: TreeWriter, tally: Tally, limits: ExtractLimits): void {
  switch (event.kind) {
    case "entry":
      count(event.entry, tally, limits);
      return writer.begin(event.entry);
    case "data":
      return writer.write(event.bytes, event.position);
    case "done":
      return writer.done();
  }
}

function count(entry: TarEntry, tally: Tally, { entries, bytes }: ExtractLimits): void {
  if (++tally.entries > entries) throw new TarError(`it has more than the limit of ${entries} entries`, entry.offset);
  if (entry.type === "character" || entry.type === "block") tally.devices.push(entry);
  if (entry.type !== "file") return;
  // A hole takes no room in the archive, and may say to be larger than any disk.
  tally.bytes += entry.size;
  if (tally.bytes > bytes)
    throw new TarError(`its files are together larger than the limit of ${bytes} bytes`, entry.offset);
}
