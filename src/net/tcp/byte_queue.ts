// The bytes of one direction between two offsets of its stream, in blocks of the pool. Bytes may be put beyond the end, at the
// place they will have once what lies before them has come: reassembly copies nothing twice. Slices that come out are views of
// blocks and valid until the queue is changed.
import type { BlockPool } from "./block_pool.ts";

export class ByteQueue {
  readonly #pool: BlockPool;
  readonly #blocks: (Uint8Array | undefined)[] = [];
  /** The offset of the first byte of the first block. */
  #origin = 0;
  /** Behind the last byte written, which may be beyond the end. */
  #written: number;
  #start: number;
  #end: number;

  constructor(pool: BlockPool, start: number) {
    this.#pool = pool;
    this.#start = start;
    this.#end = start;
    this.#written = start;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** How many bytes of the front of `bytes` found a place at the end. */
  append(bytes: Uint8Array): number {
    const count = this.#put(this.#end, bytes);
    this.#end += count;
    return count;
  }

  /** Writes at `offset`, at or beyond the end, which stays. All or nothing: false when the pool has no block. */
  writeAt(offset: number, bytes: Uint8Array): boolean {
    const written = this.#written;
    if (this.#put(offset, bytes) === bytes.length) return true;
    this.#written = written;
    this.#trim();
    return false;
  }

  /** What was written up to `offset` is now in order. */
  extendTo(offset: number): void {
    this.#end = offset;
  }

  /** Bytes that never were in the queue were passed by: it is empty and starts behind them. */
  skip(count: number): void {
    this.#end += count;
    this.dropTo(this.#end);
  }

  /** Up to `want` bytes of free space at the end, to be filled in order; {@link commit} must follow. */
  reserve(want: number): readonly Uint8Array[] {
    const spaces: Uint8Array[] = [];
    for (let at = this.#end; at < this.#end + want; ) {
      const space = this.#space(at, this.#end + want - at);
      if (!space) break;
      spaces.push(space);
      at += space.length;
    }
    return spaces;
  }

  /** `count` bytes of what was reserved were filled; blocks of the rest go back. */
  commit(count: number): void {
    this.#end += count;
    this.#written = Math.max(this.#written, this.#end);
    this.#trim();
  }

  slices(from: number, to: number): readonly Uint8Array[] {
    const { blockSize } = this.#pool;
    const slices: Uint8Array[] = [];
    for (let at = from; at < to; ) {
      const within = (at - this.#origin) % blockSize;
      const length = Math.min(blockSize - within, to - at);
      const block = this.#blocks[(at - this.#origin - within) / blockSize];
      if (!block) throw new RangeError(`no bytes at ${at} of a queue from ${this.#start} to ${this.#end}`);
      slices.push(length === blockSize ? block : block.subarray(within, within + length));
      at += length;
    }
    return slices;
  }

  /** Gives back what lies before `offset`. */
  dropTo(offset: number): void {
    this.#start = offset;
    if (offset >= this.#written) this.#dropAll();
    else this.#dropFront();
  }

  /** Gives back what lies beyond the end: RFC 2018 lets a receiver do so, even with what it reported. */
  dropBeyondEnd(): void {
    this.#written = this.#end;
    this.#trim();
  }

  clear(): void {
    this.#start = this.#end;
    this.#dropAll();
  }

  #put(offset: number, bytes: Uint8Array): number {
    let done = 0;
    while (done < bytes.length) {
      const space = this.#space(offset + done, bytes.length - done);
      if (!space) break;
      const whole = done === 0 && space.length === bytes.length;
      space.set(whole ? bytes : bytes.subarray(done, done + space.length));
      done += space.length;
      this.#written = Math.max(this.#written, offset + done);
    }
    return done;
  }

  /** From `offset` to the end of its block, at most `length`; undefined when the pool has no block. */
  #space(offset: number, length: number): Uint8Array | undefined {
    if (this.#blocks.length === 0) this.#origin = this.#start;
    const { blockSize } = this.#pool;
    const within = (offset - this.#origin) % blockSize;
    const index = (offset - this.#origin - within) / blockSize;
    const block = this.#blocks[index] ?? this.#pool.take();
    if (!block) return undefined;
    while (this.#blocks.length < index) this.#blocks.push(undefined);
    this.#blocks[index] = block;
    const whole = within === 0 && length >= blockSize;
    return whole ? block : block.subarray(within, Math.min(blockSize, within + length));
  }

  /** Gives back blocks at the back that hold nothing written. */
  #trim(): void {
    if (this.#written <= this.#start) return this.#dropAll();
    const used = Math.ceil((this.#written - this.#origin) / this.#pool.blockSize);
    while (this.#blocks.length > used) this.#giveBack(this.#blocks.pop());
  }

  #dropFront(): void {
    const { blockSize } = this.#pool;
    while (this.#blocks.length > 0 && this.#origin + blockSize <= this.#start) {
      this.#giveBack(this.#blocks.shift());
      this.#origin += blockSize;
    }
  }

  #dropAll(): void {
    this.#written = this.#start;
    while (this.#blocks.length > 0) this.#giveBack(this.#blocks.pop());
  }

  #giveBack(block: Uint8Array | undefined): void {
    if (block) this.#pool.give(block);
  }
}
