// The one file that is being written, from its creation to its attributes. What a sparse file leaves out is never written,
// so that it stays a hole.
import type { Fd } from "../../ffi/fd.ts";
import { writeAll } from "../../ffi/file.ts";
import { changeSize, printable, writeAllAt } from "../../ffi/path_at.ts";
import type { AttributeWriter } from "./attributes.ts";
import type { TarEntry } from "./tar_entry.ts";

export class FileWriter implements Disposable {
  #open: { readonly fd: Fd; readonly entry: TarEntry; readonly hasMode: boolean } | undefined;
  /** Of the descriptor in the file. */
  #position = 0;
  #holes = false;

  /** Takes over `fd`, of a new file; `hasMode`: it was made with the entry's mode. */
  begin(fd: Fd, entry: TarEntry, hasMode: boolean): void {
    this.#open = { fd, entry, hasMode };
    this.#position = 0;
    this.#holes = false;
  }

  /** Nothing, where the entry is no file or was not made. */
  write(bytes: Uint8Array, position: number): void {
    if (!this.#open) return;
    const { fd, entry } = this.#open;
    if (position !== this.#position || this.#holes) {
      this.#holes = true;
      return writeAllAt(fd.number, printable(entry.name), bytes, position);
    }
    writeAll(fd.number, entry.name, bytes);
    this.#position += bytes.length;
  }

  end(attributes: AttributeWriter): void {
    if (!this.#open) return;
    const { fd: file, entry, hasMode } = this.#open;
    this.#open = undefined;
    using fd = file;
    const size = entry.type === "file" ? entry.size : 0;
    if (this.#position < size) changeSize(fd.number, printable(entry.name), size);
    attributes.setOpen(fd.number, entry, hasMode);
  }

  [Symbol.dispose](): void {
    this.#open?.fd.close();
  }
}
