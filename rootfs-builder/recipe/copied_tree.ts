// Files and folders that a recipe takes from its own folder: their digest (names, modes, links, bytes; not times and owners, which a check-out
// changes), and a copy of what was digested, so that what goes in is what the key says, whatever becomes of the originals. A
// recipe may be somebody else's: no link leads out of its folder.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  O_DIRECTORY,
  O_NONBLOCK,
  O_RDONLY,
  open,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  read,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from "../../ffi/file.ts";
import { type FileStat, openBeneath, statAt } from "../../ffi/path_at.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { RootfsError } from "../rootfs_error.ts";
import { extract } from "../tar/extract.ts";
import { NO_XATTRS } from "../tar/pax_xattrs.ts";
import { readTree } from "../tar/tree_reader.ts";
import { type WriterEntry, writeTar } from "../tar/writer.ts";

export type Copied = {
  readonly digest: string;
  readonly kind: "file" | "folder";
};

/** What a file is called in its copy. */
export const COPIED_FILE = "file";

const CHUNK = 1 << 20;
const ROOT = { uid: 0, gid: 0 };
const EMPTY = new Uint8Array();

/** `path` is relative to the folder `folder`. Throws {@link RootfsError} for what is not there, or not to be taken. */
export async function digestCopied(folder: string, path: string): Promise<Copied> {
  using source = openSource(folder, path);
  const hasher = new Bun.CryptoHasher("sha256");
  const kind = kindOf(source, path);
  for await (const chunk of archiveOf(source, kind, path)) hasher.update(chunk);
  return { kind, digest: hasher.digest("hex") };
}

/** Copies it into the empty folder `into`; a file under the name {@link COPIED_FILE}. Fails when it is not what it was. */
export async function takeCopy(folder: string, path: string, expected: Copied, into: number): Promise<void> {
  using source = openSource(folder, path);
  const hasher = new Bun.CryptoHasher("sha256");
  const kind = kindOf(source, path);
  async function* hashed(): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of archiveOf(source, kind, path)) {
      hasher.update(chunk);
      yield chunk;
    }
  }
  await extract(hashed(), into);
  if (hasher.digest("hex") !== expected.digest)
    throw new RootfsError("copy", path, "it changed while it was being read", "Build again when it is complete");
}

function openSource(folder: string, path: string): Fd {
  using parent = open(folder, O_RDONLY | O_DIRECTORY);
  const name = new TextEncoder().encode(path);
  const found = tried(path, () =>
    openBeneath(parent.number, name, O_RDONLY | O_NONBLOCK, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS),
  );
  if (found) return found;
  throw new RootfsError("copy", path, `there is no such file or folder in ${folder}`);
}

function tried<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if (error.errno === ERRNO.EXDEV)
      throw new RootfsError("copy", path, "it leads out of the folder of the recipe", "Put what is wanted there");
    if (error.errno === ERRNO.ENOTDIR || error.errno === ERRNO.ELOOP)
      throw new RootfsError("copy", path, "a part of that path is no folder");
    throw new RootfsError("copy", path, error.message, "It must be readable");
  }
}

function kindOf(source: Fd, path: string): Copied["kind"] {
  const type = (statOf(source, path).mode ?? 0) & S_IFMT;
  if (type === S_IFREG) return "file";
  if (type === S_IFDIR) return "folder";
  throw new RootfsError("copy", path, "it is no file and no folder");
}

function archiveOf(source: Fd, kind: Copied["kind"], path: string): AsyncGenerator<Uint8Array, void, void> {
  const entries = kind === "folder" ? readTree(source.number, { owner: ROOT }) : oneFile(source, path);
  return writeTar(bare(entries), { mtime: { kind: "fix", time: 0n } });
}

/** Attributes say where a file has been (a quarantine, a label), and cp(1) does not take them along either. */
function* bare(entries: Iterable<WriterEntry>): Generator<WriterEntry, void, void> {
  for (const entry of entries) yield { ...entry, xattrs: NO_XATTRS };
}

function* oneFile(source: Fd, path: string): Generator<WriterEntry, void, void> {
  const { size, mode } = statOf(source, path);
  const common = { name: new TextEncoder().encode(COPIED_FILE), mode: mode & 0o7777, mtime: 0n, xattrs: NO_XATTRS };
  yield { type: "file", size, content: contentOf(source, path, size), ...ROOT, ...common };
}

function* contentOf(source: Fd, path: string, size: number): Generator<Uint8Array, void, void> {
  for (let left = size; left > 0; ) {
    const chunk = new Uint8Array(Math.min(CHUNK, left));
    const length = read(source.number, path, chunk);
    if (length === 0) throw new RootfsError("copy", path, "it changed while it was being read");
    left -= length;
    yield chunk.subarray(0, length);
  }
}

function statOf(source: Fd, path: string): FileStat {
  const found = statAt(source.number, EMPTY);
  if (found) return found;
  throw new RootfsError("copy", path, "it is gone");
}
