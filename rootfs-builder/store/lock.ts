// One maker for each thing of the store, by flock(2) on lock/NAME. A lock's file goes with its holder's work: it is unlinked
// while it is held, so whoever then gets the lock of a file that is no longer in its place opens the new one.

import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  AT_FDCWD,
  flock,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  open,
  stat,
  unlinkat,
} from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";

/** How often a lock that another holds is tried again, in milliseconds. Not a blocking flock: the holder may be a task of this very process. */
const RETRY_EVERY = 20;

export class Lock implements Disposable {
  readonly #fd: Fd;
  readonly #path: string;
  readonly name: string;

  constructor(fd: Fd, path: string, name: string) {
    this.#fd = fd;
    this.#path = path;
    this.name = name;
  }

  /** The descriptor; whoever inherits it holds the lock as well. */
  get number(): number {
    return this.#fd.number;
  }

  [Symbol.dispose](): void {
    unlinkat(AT_FDCWD, this.#path);
    this.#fd.close();
  }
}

/** Waits for the lock; `waiting` is called once, when it is not to be had at once. */
export async function takeLock(store: string, name: string, waiting: () => void = () => {}): Promise<Lock> {
  for (let told = false; ; told = true) {
    const lock = tryLock(store, name);
    if (lock) return lock;
    if (!told) waiting();
    await Bun.sleep(RETRY_EVERY);
  }
}

/** The lock, or `undefined` when another holds it. */
export function tryLock(store: string, name: string): Lock | undefined {
  const path = `${store}/lock/${name}`;
  for (;;) {
    const fd = open(path, O_RDWR | O_CREAT, 0o600);
    if (!flock(fd.number, path, LOCK_EX | LOCK_NB)) {
      fd.close();
      return undefined;
    }
    if (stat(path)?.identity === stat("", true, fd.number)?.identity) return new Lock(fd, path, name);
    fd.close();
  }
}

/** Does anybody hold it? Writes nothing. */
export function isLocked(store: string, name: string): boolean {
  const path = `${store}/lock/${name}`;
  if (!stat(path)) return false;
  try {
    using fd = open(path, O_RDONLY);
    return !flock(fd.number, path, LOCK_SH | LOCK_NB);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) return false;
    throw error;
  }
}
