// What an entry says of a file beside its content, set on the open descriptor in the one order in which nothing undoes
// another: chown(2) clears setuid and security.capability, a mode without write permission forbids `user.` attributes,
// and each of them changes a time.
import { ERRNO } from "../../ffi/errno.ts";
import { changeOpenMode, changeOwner, changeTimes, printable } from "../../ffi/path_at.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { setxattr } from "../../ffi/xattr.ts";
import { xattrNamespace, xattrOnDisk } from "./overlay_xattrs.ts";
import { encodeOverrideStat, OVERRIDE_STAT } from "./override_stat.ts";
import type { TarEntry } from "./tar_entry.ts";
import { TarError } from "./tar_error.ts";

/**
 * `ignore`: everything belongs to the caller. `set`: to whom the archive says, by a caller that may (root of a user
 * namespace with a range of ids). `record`: to the caller, and whose it is stands in an attribute (override_stat.ts).
 */
export type Ownership = "ignore" | "set" | "record";

export type Attributes = Pick<TarEntry, "name" | "mode" | "uid" | "gid" | "mtime" | "xattrs" | "offset">;

/** Why an attribute of an archive is left out and counted: the file system or this kind of file has none, or it takes privileges. */
const LEFT_OUT: readonly number[] = [ERRNO.EOPNOTSUPP, ERRNO.EPERM, ERRNO.EINVAL];
/** xattr(7): names end at 255 bytes, values at 64 KiB. */
const TOO_LARGE: readonly number[] = [ERRNO.E2BIG, ERRNO.ERANGE];

const PERMISSIONS = 0o777;
const LARGEST_ID = 0xfffffffe;

export class AttributeWriter {
  /** Namespace → attributes of archives that were left out. */
  readonly skipped = new Map<string, number>();
  readonly #ownership: Ownership;

  constructor(ownership: Ownership) {
    this.#ownership = ownership;
  }

  /** Is a file of these right from its creation, but for its times? */
  isMode({ mode, xattrs }: Attributes): boolean {
    return this.#ownership === "ignore" && (mode & ~PERMISSIONS) === 0 && xattrs.size === 0;
  }

  /** All of them, on a file or folder that is open. */
  setOpen(fd: number, attributes: Attributes, hasMode = false): void {
    const { name, mode, mtime, xattrs } = attributes;
    if (this.#ownership === "set") this.#own(fd, undefined, attributes);
    if (this.#ownership === "record") setMark(fd, printable(name), OVERRIDE_STAT, encodeOverrideStat(attributes));
    if (xattrs.size > 0) this.#setXattrs(fd, attributes);
    if (!hasMode) changeOpenMode(fd, name, mode);
    changeTimes(fd, undefined, name, mtime);
  }

  /** Of a link or FIFO by its name: such have no attributes that may be set (xattr(7)). */
  setNamed(at: number, name: Uint8Array, attributes: Attributes): void {
    if (this.#ownership === "set") this.#own(at, name, attributes);
    for (const xattr of attributes.xattrs.keys()) this.#skip(xattr);
    changeTimes(at, name, attributes.name, attributes.mtime);
  }

  #own(at: number, name: Uint8Array | undefined, { name: shown, uid, gid, offset }: Attributes): void {
    // Beyond 32 bits, and -1, chown would take them for others or for none.
    if (uid > LARGEST_ID || gid > LARGEST_ID)
      throw new TarError(`its owner ${uid}:${gid} is no id`, offset, printable(shown));
    try {
      changeOwner(at, name, printable(shown), uid, gid);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.errno !== ERRNO.EINVAL) throw error;
      throw new TarError(
        `its owner ${uid}:${gid} is not among the ids of this user namespace`,
        offset,
        printable(shown),
      );
    }
  }

  #setXattrs(fd: number, { name, xattrs, offset }: Attributes): void {
    for (const [archived, value] of xattrs) {
      const xattr = xattrOnDisk(archived);
      const errno = xattr === undefined ? ERRNO.EPERM : -setxattr(fd, xattr, value);
      if (LEFT_OUT.includes(errno)) this.#skip(archived);
      else if (TOO_LARGE.includes(errno))
        throw new TarError(
          `its extended attribute ${archived} is larger than the system takes`,
          offset,
          printable(name),
        );
      else if (errno > 0) throw new SyscallError("fsetxattr", `${archived} of ${printable(name)}`, errno);
    }
  }

  #skip(xattr: string): void {
    const namespace = xattrNamespace(xattr);
    this.skipped.set(namespace, (this.skipped.get(namespace) ?? 0) + 1);
  }
}

/** An attribute of ours, without which the tree would not be what it is taken for: every failure is an error. */
export function setMark(fd: number, object: string, name: string, value: Uint8Array): void {
  const result = setxattr(fd, name, value);
  if (result < 0) throw new SyscallError("fsetxattr", `${name} of ${object}`, -result);
}
