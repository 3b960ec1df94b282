// A plan is a register program: an ordered list of system calls as data. No loops; the one branch is a step that finds nothing
// and passes over those that would have used what it found. Built here without
// touching the system, printed by --explain, compared in tests, performed by the executor (ffi/stage/executor.c).
import type { ErrnoName } from "../../ffi/errno.ts";
import type { SyscallName } from "../../ffi/libc.ts";
import type { Aim } from "./aim.ts";

/**
 * Beside the system calls: `load` gives the signed 32-bit value at an address, `store` puts a register there, `bound` leaves
 * the capability bounding set with no more than the mask of its two arguments (low and high 32 bits), `place` gives an O_PATH
 * descriptor of a path inside a root, which it makes, with its parents, where it is missing, `launch` clones as a struct launch says
 * (for programs of the host itself).
 */
export type CallName = SyscallName | "load" | "store" | "bound" | "place" | "launch";

export type Register = { readonly kind: "register"; readonly index: number; readonly name: string };

/** Bytes laid out in the plan's memory; passed as their address. The same object is laid out once. */
export type Bytes = {
  readonly kind: "bytes";
  readonly content: Uint8Array;
  /** How --explain shows them. */
  readonly shown: string;
  /** Places in `content` that hold the address of other bytes. */
  readonly pointers?: readonly { readonly at: number; readonly to: Bytes | string }[];
};

/** The address `at` bytes into `of`. */
export type Inside = { readonly kind: "inside"; readonly of: Bytes; readonly at: number };

/** A NULL-terminated array of strings, as execve(2) takes. */
export type Strings = { readonly kind: "strings"; readonly list: readonly string[]; readonly shown?: string };

/** A number shown by its symbolic name. */
export type Named = { readonly kind: "named"; readonly value: number; readonly shown: string };

/** A bare string is a path or name, passed as the address of its NUL-terminated UTF-8 bytes. */
export type Argument = number | string | Register | Bytes | Inside | Strings | Named;

export type Step = {
  readonly call: CallName;
  readonly args: readonly Argument[];
  /** What this step is for: the key to an error's cause and mend. */
  readonly aim: Aim;
  readonly out?: Register;
  /** Errnos that are no failure; four at most. The result is then the negated errno. */
  readonly tolerate?: readonly ErrnoName[];
  /** How many of the steps that follow are left out when an errno was tolerated: those that would use the result. */
  readonly skip?: number;
};

export function named(value: number, shown: string): Named {
  return { kind: "named", value, shown };
}

/** Flags or-ed together, shown as `A|B`. `table` gives the values by name. */
export function flags<T extends string>(table: Readonly<Record<T, number>>, ...names: readonly T[]): Named {
  return named(
    names.reduce((value, name) => value + table[name], 0),
    names.join("|") || "0",
  );
}
