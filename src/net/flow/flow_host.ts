// What a flow needs of the stack around it.
import type { BlockPool } from "../tcp/block_pool.ts";
import type { FrameWriter } from "./frame_writer.ts";
import type { Reactor } from "./reactor.ts";
import type { Timers } from "./timers.ts";

export type FlowHost = {
  readonly writer: FrameWriter;
  readonly reactor: Reactor;
  readonly timers: Timers;
  readonly pool: BlockPool;
  /** To have {@link Pumped.pump} called when the round under way ends: one acknowledgment for many segments. */
  schedule(flow: Pumped): void;
  /** The same, as soon as the pool has a block again. */
  scheduleWhenFree(flow: Pumped): void;
  /** The stack's clock, in milliseconds. */
  now(): number;
  /** A random unsigned number of 32 bits. */
  random(): number;
};

export type Pumped = { pump(now: number): void };
