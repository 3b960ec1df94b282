// TCP segments as values, RFC 9293 section 3.1: what the endpoints of net/tcp speak to each other in.

export type TcpOptions = {
  readonly maximumSegmentSize?: number;
  readonly windowScale?: number;
  readonly sackPermitted?: boolean;
  readonly sackBlocks?: readonly (readonly [left: number, right: number])[];
  readonly timestamps?: { readonly value: number; readonly echoReply: number };
};

export const TCP_FLAG = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32, ECE: 64, CWR: 128 } as const;

export type TcpHeader = {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Unsigned, 32 bits, as is the next. */
  readonly sequenceNumber: number;
  readonly acknowledgmentNumber: number;
  readonly flags: number;
  /** As on the wire: 16 bits, not scaled. */
  readonly window: number;
  readonly options: TcpOptions;
};

/** `payload` is a view of the frame, valid until the next read. */
export type TcpSegment = TcpHeader & { readonly payload: Uint8Array };
