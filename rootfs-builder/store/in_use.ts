// Who uses a tree of the store, told by flock(2) on the tree's own folder: a running sandbox shares the lock by a descriptor
// that lives as long as it does, and whoever removes the tree needs it alone. Nothing is written, and a lock
// cannot be left behind.
//
// Between a user's open and its flock a remover may have come and gone. So a remover, alone, first marks the folder
// (S_ISVTX, which means nothing on a folder that others cannot enter): a mark stays with the inode, and a user that
// has its lock and sees no mark knows that the folder is in its place and will stay there.
import { ERRNO } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/fd.ts";
import {
  AT_FDCWD,
  flock,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  modeOf,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
} from "../../ffi/file.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { cbytes, changeOpenMode } from "../../ffi/path_at.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";

const S_ISVTX = 0o1000;
const DOOMED = 0o1700;

export type InUse = {
  /** Absolute, of the tree itself. */
  readonly path: string;
  /** Keeps the tree in the store for as long as it is open, in whatever process. */
  readonly lock: Fd;
};

/** The tree below `folder`, shared; `undefined` when there is none, or one that is being removed. Three system calls. */
export function useFolder(folder: string): InUse | undefined {
  const fd = openFolder(folder);
  if (fd === undefined) return undefined;
  // Waits for a remover to be gone with it, or for a report to have looked: a rename, or less.
  if (flock(fd.number, folder, LOCK_SH) && !isDoomed(fd)) return { path: `${folder}/root`, lock: fd };
  fd.close();
  return undefined;
}

/** `folder` alone and marked: nobody uses it, and nobody will. `undefined` when somebody does, or it is not there. */
export function seizeFolder(folder: string): Fd | undefined {
  const fd = openFolder(folder);
  if (fd === undefined) return undefined;
  if (flock(fd.number, folder, LOCK_EX | LOCK_NB)) {
    changeOpenMode(fd.number, new TextEncoder().encode(folder), DOOMED);
    return fd;
  }
  fd.close();
  return undefined;
}

/** Does anybody hold `folder`? Asked of a folder that may be taken the next moment: for reports. */
export function isInUse(folder: string): boolean {
  using fd = openFolder(folder);
  return fd !== undefined && !flock(fd.number, folder, LOCK_EX | LOCK_NB);
}

function isDoomed(folder: Fd): boolean {
  return ((modeOf("", folder.number) ?? DOOMED) & S_ISVTX) !== 0;
}

function openFolder(path: string): Fd | undefined {
  const name = cbytes(new TextEncoder().encode(path));
  const fd = rawSyscall("openat", AT_FDCWD, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENOTDIR) return undefined;
  if (fd < 0) throw new SyscallError("openat", path, -fd);
  return new Fd(fd);
}
