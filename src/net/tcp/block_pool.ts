// The memory of all queues of all connections: blocks of one size, at most so many. A connection that has nothing queued holds
// none, so ten thousand idle ones cost no buffers, and a thousand that stall cannot take more than the pool has.

export type BlockPoolLimits = {
  readonly blockSize: number;
  /** Blocks that may be out at a time. */
  readonly limit: number;
  /** Up to so many connections take what they like; beyond, each gets what it cannot go on without. */
  readonly ample: number;
  /** Blocks kept for the next taker when they come back; the rest goes to the garbage collector. */
  readonly cached: number;
};

const DEFAULTS: BlockPoolLimits = { blockSize: 64 << 10, limit: 2048, ample: 2048, cached: 64 };

export class BlockPool {
  readonly blockSize: number;
  readonly #limit: number;
  readonly #ample: number;
  readonly #cached: number;
  readonly #free: Uint8Array[] = [];
  #taken = 0;

  constructor(limits: Partial<BlockPoolLimits> = {}) {
    const { blockSize, limit, ample, cached } = { ...DEFAULTS, ...limits };
    this.blockSize = blockSize;
    this.#limit = limit;
    this.#ample = Math.min(ample, limit);
    this.#cached = cached;
  }

  get blocksTaken(): number {
    return this.#taken;
  }

  get freeBytes(): number {
    return (this.#limit - this.#taken) * this.blockSize;
  }

  /** What may be queued without keeping memory from others. */
  get spareBytes(): number {
    return Math.max(0, this.#ample - this.#taken) * this.blockSize;
  }

  /** Undefined when all are out. What is in the block is what its last holder left there. */
  take(): Uint8Array | undefined {
    if (this.#taken >= this.#limit) return undefined;
    this.#taken++;
    return this.#free.pop() ?? new Uint8Array(this.blockSize);
  }

  /** Blocks that are kept go to the garbage collector, too. */
  forget(): void {
    this.#free.length = 0;
  }

  give(block: Uint8Array): void {
    this.#taken--;
    if (this.#free.length < this.#cached) this.#free.push(block);
  }
}
