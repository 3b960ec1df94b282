// The store's folders, made when something is first put into them; and the one look at whether this store is ours to write to.
import { ERRNO } from "../../ffi/errno.ts";
import {
  AT_FDCWD,
  mkdirat,
  O_CREAT,
  O_TRUNC,
  O_WRONLY,
  open,
  readText,
  rename,
  stat,
  writeAll,
} from "../../ffi/file.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { RootfsError } from "../rootfs_error.ts";
import { STORE_VERSION } from "./layout.ts";
import { tryLock } from "./lock.ts";

const PRIVATE = 0o700;
const FOLDERS = [
  "rootfs",
  "layers",
  "blobs",
  "blobs/sha256",
  "blobs/sha512",
  "images",
  "index",
  "persist",
  "snapshots",
  "tmp",
  "lock",
] as const;

/** Makes what is missing. Throws {@link RootfsError} for a store of another's or of another format, SyscallError for the rest. */
export function openStore(store: string): void {
  if (readVersion(store) === undefined) {
    makeParents(store);
    makeFolder(store);
    refuseForeign(store);
    for (const folder of FOLDERS) makeFolder(`${store}/${folder}`);
    writeVersion(store);
    return;
  }
  refuseForeign(store);
}

/** The store's format; `undefined` for a store that is not there, or was made before formats were numbered. */
export function readVersion(store: string): number | undefined {
  const text = readText(`${store}/version`, 64);
  if (text === undefined) return undefined;
  const version = /^\d{1,9}\n$/.test(text) ? Number(text) : Number.NaN;
  if (version <= STORE_VERSION && version > 0) return version;
  const shown = Number.isNaN(version) ? "an unknown format" : `format ${version}`;
  throw new RootfsError(
    "use",
    `the store ${store}`,
    `it has ${shown}, and this program knows ${STORE_VERSION}`,
    "Use the newer sandbox that made it, or another store: --store DIR",
  );
}

/** An EEXIST is fine: another process has made it, or an earlier one. */
export function makeFolder(path: string, mode = PRIVATE): void {
  try {
    mkdirat(AT_FDCWD, path, mode);
  } catch (error) {
    if (!(error instanceof SyscallError && error.errno === ERRNO.EEXIST)) throw error;
  }
}

function makeParents(path: string): void {
  const parent = path.slice(0, path.lastIndexOf("/"));
  if (parent === "" || stat(parent)) return;
  makeParents(parent);
  makeFolder(parent);
}

// What root puts into a user's store (sudo with the user's HOME) the user could not remove.
function refuseForeign(store: string): void {
  const owner = stat(store)?.uid;
  const caller = rawSyscall("geteuid");
  if (owner === undefined || owner === caller) return;
  throw new RootfsError(
    "use",
    `the store ${store}`,
    `it belongs to uid ${owner}, and this is uid ${caller}`,
    "Run as its owner, or use a store of your own: --store DIR, or XDG_DATA_HOME=FOLDER",
  );
}

/** Whole or not at all: a reader takes half a version for an unknown one. Where another process writes it, it is left to that one. */
function writeVersion(store: string): void {
  using lock = tryLock(store, "version");
  if (lock === undefined) return;
  const temporary = `${store}/tmp/version`;
  {
    using file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o600);
    writeAll(file.number, temporary, new TextEncoder().encode(`${STORE_VERSION}\n`));
  }
  rename(AT_FDCWD, temporary, AT_FDCWD, `${store}/version`);
}
