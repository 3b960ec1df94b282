// Room behind a prebuilt plan, given out when the program is built: the kernel writes there what a start is told of the host.
import { PLAN_ADDRESS } from "./plan_address.ts";

/** No prebuilt plan is longer. */
export const SCRATCH_OFFSET = 0x40000;

export class Scratch {
  readonly #slots: Record<string, number> = {};
  #end = SCRATCH_OFFSET;

  /** The address of `size` zero bytes, on a multiple of 16; the same for the same name. */
  slot(name: string, size: number): number {
    const known = this.#slots[name];
    if (known !== undefined) return PLAN_ADDRESS + known;
    this.#slots[name] = this.#end;
    this.#end = (this.#end + size + 15) & -16;
    return PLAN_ADDRESS + (this.#slots[name] ?? 0);
  }

  /** Offsets from the plan's address, by name. */
  get slots(): Readonly<Record<string, number>> {
    return this.#slots;
  }

  /** The first byte behind all slots. */
  get end(): number {
    return this.#end;
  }
}
