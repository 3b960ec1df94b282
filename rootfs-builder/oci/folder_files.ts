// The files of a folder, reached from its descriptor: no name leads out of it, and a symbolic link leads nowhere, for who
// made the folder may have put one at any place of it, to be read by the one who opens it.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  O_DIRECTORY,
  O_NONBLOCK,
  O_RDONLY,
  open,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  S_IFMT,
  S_IFREG,
  stat,
} from "../../ffi/file.ts";
import { openBeneath } from "../../ffi/path_at.ts";
import { pread } from "../../ffi/positioned_io.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { type ImageFiles, READ_CHUNK } from "./image_files.ts";
import { OciError, quoted } from "./oci_error.ts";

const RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

export class FolderFiles implements ImageFiles {
  readonly name: string;
  readonly #folder: Fd;

  /** `path` is the user's own, as given. */
  constructor(path: string) {
    this.name = path;
    this.#folder = open(path, O_RDONLY | O_DIRECTORY);
  }

  size(path: string): number | undefined {
    using file = this.#open(path);
    return file && this.#regularSize(file, path);
  }

  async *read(path: string, from: number): AsyncGenerator<Uint8Array, void, void> {
    using file = this.#open(path);
    if (!file) throw new OciError("absent", this.name, `there is no ${quoted(path)} in it`);
    this.#regularSize(file, path);
    for (let at = from; ; ) {
      const chunk = new Uint8Array(READ_CHUNK);
      const length = pread(file.number, path, chunk, at);
      if (length === 0) return;
      yield chunk.subarray(0, length);
      at += length;
    }
  }

  close(): void {
    this.#folder.close();
  }

  /** O_NONBLOCK: a FIFO would hold us up until someone writes to it. */
  #open(path: string): Fd | undefined {
    try {
      return openBeneath(this.#folder.number, new TextEncoder().encode(path), O_RDONLY | O_NONBLOCK, 0, RESOLVE);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      if (error.errno === ERRNO.ENOTDIR) return undefined;
      if (error.errno === ERRNO.ELOOP || error.errno === ERRNO.EXDEV)
        throw new OciError("content", this.name, `${quoted(path)} is behind a symbolic link`, "Links are not followed");
      throw error;
    }
  }

  #regularSize(file: Fd, path: string): number {
    const found = stat("", true, file.number);
    if (found && (found.mode & S_IFMT) === S_IFREG) return found.size;
    throw new OciError("content", this.name, `${quoted(path)} is no regular file`);
  }
}
