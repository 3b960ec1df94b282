// What connections have in common: one value for all that share it. What is theirs alone comes with a TcpEndpoint.
import type { BlockPool } from "./block_pool.ts";

export type KeepAlive = { readonly idle: number; readonly interval: number; readonly count: number };

/** Times in milliseconds, sizes in bytes. */
export type TcpSettings = {
  readonly pool: BlockPool;
  /** What we announce: the MTU of the link without the fixed headers of IP and TCP (RFC 6691). */
  readonly maximumSegmentSize: number;
  /** TCP options and payload of the largest segment to send: 65,535 without fixed headers; the device cuts it. */
  readonly maximumBurst: number;
  /** What may be queued for the host. */
  readonly receiveLimit: number;
  /** What may be queued for the peer. */
  readonly sendLimit: number;
  readonly initialCongestionWindow: number;
  /** How often a SYN, or the SYN that answers one, is sent again. */
  readonly handshakeRetries: number;
  /** How often anything else is, or a closed window is probed, with no sign of the peer. */
  readonly retries: number;
  readonly keepAlive: KeepAlive | undefined;
  readonly timeWait: number;
};

export type TcpEndpoint = {
  readonly settings: TcpSettings;
  readonly localPort: number;
  readonly remotePort: number;
  /** Random; RFC 9293, 3.4.1. */
  readonly initialSequenceNumber: number;
  /** Random; RFC 7323, 5.4. */
  readonly timestampOffset: number;
  /**
   * Is offered bytes in order while none are queued, as a view that is valid for the call, and tells how many it took. It may abort
   * or finish the connection, and nothing else of it.
   */
  readonly deliver?: (bytes: Uint8Array) => number;
};

export function tcpSettings(chosen: Partial<TcpSettings> & Pick<TcpSettings, "pool">): TcpSettings {
  return { ...DEFAULTS, ...chosen };
}

const DEFAULTS: Omit<TcpSettings, "pool"> = {
  maximumSegmentSize: 1460,
  // An IPv4 packet's 65,535 without its header and TCP's; IPv6 would allow 20 more.
  maximumBurst: 65_495,
  receiveLimit: 1 << 20,
  sendLimit: 1 << 20,
  initialCongestionWindow: 1 << 20,
  handshakeRetries: 6,
  retries: 15,
  keepAlive: { idle: 7_200_000, interval: 75_000, count: 9 },
  timeWait: 60_000,
};
