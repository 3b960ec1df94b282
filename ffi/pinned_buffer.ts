// Bytes whose address is taken once. The collector of JavaScriptCore moves no memory, but a typed array of at most 1,000 bytes has
// its bytes inside the heap until somebody asks for its `buffer` (or a subarray), and then they move. An ArrayBuffer's do not.
import { address } from "./libc.ts";

export class PinnedBuffer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the first byte; byte `i` is at `address + i`. Valid while this object is referenced. */
  readonly address: number;

  constructor(size: number) {
    this.bytes = new Uint8Array(new ArrayBuffer(size));
    this.address = address(this.bytes);
  }
}
