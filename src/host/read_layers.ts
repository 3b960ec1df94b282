// A file in a stack of layers, as overlayfs would show it, with nothing mounted: the topmost layer that knows of a name decides
// (kernel, Documentation/filesystems/overlayfs, "Upper and Lower", "whiteouts and opaque directories"). Links on the way lead anywhere
// in the stack, so they are not followed: what lies behind one counts as absent.

import type { Fd } from "../../ffi/fd.ts";
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, open, S_IFDIR, S_IFMT, S_IFREG, stat } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { getxattr } from "../../ffi/xattr.ts";

/** Runs `use` on an O_PATH descriptor of `path` in `layers`, the topmost first; `undefined` where there is no such file or folder. */
export function inLayers<T>(layers: readonly string[], path: string, use: (fd: number) => T): T | undefined {
  const parts = path.split("/").filter((part) => part !== "");
  for (const layer of layers) {
    using walk = new Walk(layer);
    const end = walk.along(parts);
    if (end === "found") return use(walk.fd);
    if (end === "gone") return undefined;
  }
  return undefined;
}

/** `absent`: a lower layer may have it. `gone`: none may. */
type End = "found" | "absent" | "gone";

class Walk implements Disposable {
  #at: Fd;
  #opaque = false;

  constructor(layer: string) {
    this.#at = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
  }

  get fd(): number {
    return this.#at.number;
  }

  along(parts: readonly string[]): End {
    for (const [i, part] of parts.entries()) {
      const next = this.#open(part);
      if (next === undefined) return this.#opaque ? "gone" : "absent";
      this.#at.close();
      this.#at = next;
      const type = (stat("", true, next.number)?.mode ?? 0) & S_IFMT;
      const last = i === parts.length - 1;
      // A whiteout is a character device 0/0, or an empty file with a mark.
      if (type !== S_IFDIR && !(last && type === S_IFREG && !this.#has("whiteout"))) return "gone";
      if (type === S_IFDIR) this.#opaque ||= this.#has("opaque");
    }
    return "found";
  }

  [Symbol.dispose](): void {
    this.#at.close();
  }

  #open(part: string): Fd | undefined {
    try {
      return open(part, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, this.#at.number);
    } catch (error) {
      if (error instanceof SyscallError) return undefined;
      throw error;
    }
  }

  /** The value `y`; an `x` on a folder says that there are marked whiteouts in it, and nothing of the folder. */
  #has(mark: "whiteout" | "opaque"): boolean {
    const value = getxattr(`/proc/self/fd/${this.#at.number}`, `user.overlay.${mark}`);
    return value !== undefined && (mark === "whiteout" || value[0] === 0x79);
  }
}
