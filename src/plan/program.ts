// Collects steps. Registers have names for the reader; a name is a place, so a later result under the same name
// replaces the earlier one.
import type { Aim } from "./aim.ts";
import { type Argument, named, type Register, type Step } from "./step.ts";

const MAX_REGISTERS = 256;

export type Tolerance = Pick<Step, "tolerate" | "skip">;

export class Program {
  readonly #steps: Step[] = [];
  readonly #registers = new Map<string, Register>();

  get steps(): readonly Step[] {
    return this.#steps;
  }

  /** By the names of registers. */
  get registerIndexes(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#registers].map(([name, { index }]) => [name, index]));
  }

  register(name: string): Register {
    const known = this.#registers.get(name);
    if (known) return known;
    if (this.#registers.size === MAX_REGISTERS) throw new Error("a plan has at most 256 registers");
    const register: Register = { kind: "register", index: this.#registers.size, name };
    this.#registers.set(name, register);
    return register;
  }

  /** Appends `call(...args)`. */
  add(aim: Aim, call: Step["call"], args: readonly Argument[], options: Tolerance = {}): void {
    this.#steps.push({ call, args, aim, ...options });
  }

  /** Appends `name = call(...args)` and returns the register. */
  let(name: string, aim: Aim, call: Step["call"], args: readonly Argument[], options: Tolerance = {}): Register {
    const out = this.register(name);
    this.#steps.push({ call, args, aim, out, ...options });
    return out;
  }

  /** open(2) of a file of the kernel's, write, close. */
  writeFile(aim: Aim, path: string, content: string): void {
    const fd = this.let("file", aim, "openat", [
      named(-100, "AT_FDCWD"),
      path,
      named(0o2000001, "O_WRONLY|O_CLOEXEC"),
      0,
    ]);
    this.add(aim, "write", [fd, content, new TextEncoder().encode(content).length]);
    this.add(aim, "close", [fd]);
  }
}
