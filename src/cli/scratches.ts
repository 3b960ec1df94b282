// Files for what comes out of compressed archives and of pipes: without a name from the start, so nothing is left of them.
import type { Fd } from "../../ffi/fd.ts";
import { AT_FDCWD, O_CREAT, O_EXCL, O_RDWR, open, unlinkat } from "../../ffi/file.ts";

export class Scratches implements Disposable {
  readonly #store: string;
  readonly #files: Fd[] = [];

  /** The store must have been opened (openStore). */
  constructor(store: string) {
    this.#store = store;
  }

  add(): number {
    const path = `${this.#store}/tmp/scratch-${process.pid}-${crypto.randomUUID()}`;
    const file = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600);
    unlinkat(AT_FDCWD, path);
    this.#files.push(file);
    return file.number;
  }

  [Symbol.dispose](): void {
    for (const file of this.#files) file.close();
  }
}
