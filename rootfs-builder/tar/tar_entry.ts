// What the reader says, in order, of one entry: `entry`, any number of `data`, `done`.
import type { PaxRecords } from "./pax.ts";
import type { Xattrs } from "./pax_xattrs.ts";

export type TarEvent =
  | { readonly kind: "entry"; readonly entry: TarEntry }
  /** Part of a file's content. `position` in the file, in bytes: what a sparse file leaves out between two is a hole. */
  | { readonly kind: "data"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "done" };

export type TarEntry = TarNode & {
  /** As in the archive, unchecked: may be absolute, hold `..`, or be no UTF-8. Not empty, without NUL. */
  readonly name: Uint8Array;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /** Extended attributes by their full name, `user.NAME`, unchecked. */
  readonly xattrs: Xattrs;
  /** Of the header block, in bytes from the archive's start. */
  readonly offset: number;
  /** All pax records in force, those already applied to the fields above included. */
  readonly pax: PaxRecords;
};

export type TarNode =
  /** `size` with the holes of a sparse file. */
  | { readonly type: "file"; readonly size: number }
  | { readonly type: "directory" }
  | { readonly type: "symlink" | "hardlink"; readonly linkname: Uint8Array }
  | { readonly type: "character" | "block"; readonly major: number; readonly minor: number }
  | { readonly type: "fifo" };
