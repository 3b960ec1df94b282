// A persistent environment for a run: persist/NAME with upper and work, which one sandbox at a time may use (overlayfs, "Sharing and
// copying layers"), and a note of what it was made on, since an upper layer means nothing on another base. On the start path.
import { ERRNO } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/fd.ts";
import {
  AT_FDCWD,
  flock,
  LOCK_EX,
  LOCK_NB,
  modeOf,
  O_CREAT,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  open,
  readText,
  rename,
  writeAll,
} from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { RootfsError } from "../rootfs_error.ts";
import { type ContentDigest, type Digest, isContentDigest, isLayerKey, isTreeName, type LayerKey } from "./layout.ts";
import { makeFolder, openStore } from "./open_store.ts";
import { parseObject } from "./parse_object.ts";

export type EnvironmentBase =
  | { readonly kind: "rootfs"; readonly name: string; readonly digest: Digest }
  | {
      readonly kind: "image";
      readonly name: string;
      readonly manifest: ContentDigest;
      readonly layers: readonly LayerKey[];
    }
  | { readonly kind: "folder"; readonly name: string };

export type OpenEnvironment = {
  /** The folder that holds `upper` and `work`. */
  readonly path: string;
  /** Nobody else uses it while this is open. */
  readonly lock: Fd;
};

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const LARGEST_BASE = 1 << 18;
const ATTEMPTS = 3;
/** In milliseconds. */
const PAUSE = 5;
const S_ISVTX = 0o1000;
const UPPER_MODE = 0o755;

/** Of environments and of the tags of their snapshots. */
export function isEnvironmentName(text: string): boolean {
  return NAME.test(text);
}

export function environmentPath(store: string, name: string): string {
  if (!isEnvironmentName(name)) throw new RangeError(`${JSON.stringify(name)} is no name of an environment`);
  return `${store}/persist/${name}`;
}

/** Opened for a run on `base`, made when it is new. Throws {@link RootfsError} when another uses it, or it is on another base. */
export function openEnvironment(store: string, name: string, base: EnvironmentBase): OpenEnvironment {
  const path = environmentPath(store, name);
  using lock = lockEnvironment(path, name) ?? makeAndLock(store, path, name);
  // Environments from before bases were noted are taken to be on the first one that they are used with.
  const noted = readBase(path);
  if (noted === undefined) writeBase(path, base);
  else if (!isSameBase(noted, base)) throw otherBase(name, noted, base);
  return { path, lock: new Fd(lock.release()) };
}

function makeAndLock(store: string, path: string, name: string): Fd {
  openStore(store);
  makeEnvironment(path);
  const lock = lockEnvironment(path, name);
  if (lock) return lock;
  throw new RootfsError("use", `the environment ${name}`, "it has just been removed", "Run again");
}

/** Alone with it; `undefined` when it is not there. Throws {@link RootfsError} when another uses it. */
export function lockEnvironment(path: string, name: string): Fd | undefined {
  const lock = openFolder(path);
  if (lock === undefined) return undefined;
  if (!lockWithin(lock, path)) {
    lock.close();
    throw new RootfsError(
      "use",
      `the environment ${name} (--persist)`,
      "another sandbox is using it",
      "wait for it to end, or take another name",
    );
  }
  // As in in_use.ts: the mark of one that was being removed when it was opened here.
  if (((modeOf("", lock.number) ?? S_ISVTX) & S_ISVTX) === 0) return lock;
  lock.close();
  return undefined;
}

/** A report (isInUse of in_use.ts) holds a lock for the moment of its look; a user holds it longer than this waits. */
function lockWithin(lock: Fd, path: string): boolean {
  for (let attempt = 1; !flock(lock.number, path, LOCK_EX | LOCK_NB); attempt++) {
    if (attempt === ATTEMPTS) return false;
    Bun.sleepSync(PAUSE);
  }
  return true;
}

/** An empty environment at `path`, without a base. What is there already is fine. */
export function makeEnvironment(path: string): void {
  makeFolder(path);
  for (const folder of ["upper", "work"]) makeFolder(`${path}/${folder}`, UPPER_MODE);
}

/** `undefined` where none is noted. Throws {@link RootfsError} where the note is damaged. */
export function readBase(path: string): EnvironmentBase | undefined {
  const text = readText(`${path}/base`, LARGEST_BASE);
  if (text === undefined) return undefined;
  const base = parseBase(text);
  if (base) return base;
  throw new RootfsError(
    "use",
    path,
    "what it was made on cannot be read from its file base",
    "sandbox env reset begins anew",
  );
}

/** Whole or not at all; the caller has the lock. */
export function writeBase(path: string, base: EnvironmentBase): void {
  {
    using file = open(`${path}/base.new`, O_WRONLY | O_CREAT | O_TRUNC, 0o600);
    writeAll(file.number, path, new TextEncoder().encode(`${JSON.stringify({ version: 1, ...base })}\n`));
  }
  rename(AT_FDCWD, `${path}/base.new`, AT_FDCWD, `${path}/base`);
}

/** `undefined` for what {@link writeBase} does not write. */
export function parseBase(text: string): EnvironmentBase | undefined {
  const value = parseObject(text);
  const { version, kind, name, digest, manifest, layers } = value ?? {};
  if (version !== 1 || typeof name !== "string") return undefined;
  if (kind === "folder") return { kind, name };
  if (kind === "rootfs" && typeof digest === "string" && isTreeName(digest)) return { kind, name, digest };
  const keys: readonly unknown[] = Array.isArray(layers) ? layers : [undefined];
  const sound = keys.every((key): key is LayerKey => typeof key === "string" && isLayerKey(key));
  return kind === "image" && isContentDigest(manifest) && sound
    ? { kind, name, manifest, layers: keys as readonly LayerKey[] }
    : undefined;
}

/** An image is its layers: another manifest that stacks the same ones is the same base. */
export function isSameBase(a: EnvironmentBase, b: EnvironmentBase): boolean {
  if (a.kind === "rootfs" && b.kind === "rootfs") return a.digest === b.digest;
  if (a.kind === "image" && b.kind === "image") return a.layers.join() === b.layers.join();
  return a.kind === "folder" && b.kind === "folder" && a.name === b.name;
}

export function showBase(base: EnvironmentBase): string {
  const digest = base.kind === "rootfs" ? base.digest : base.kind === "image" ? base.manifest : undefined;
  return digest === undefined ? base.name : `${base.name} (${digest.slice(0, 19)}...)`;
}

function otherBase(name: string, noted: EnvironmentBase, base: EnvironmentBase): RootfsError {
  return new RootfsError(
    "use",
    `the environment ${name} (--persist)`,
    `it was made on ${showBase(noted)}, and this run is on ${showBase(base)}`,
    `take another name, or give up what it holds: sandbox env reset ${name}`,
  );
}

function openFolder(path: string): Fd | undefined {
  try {
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) return undefined;
    throw error;
  }
}
