// What an IP packet of either family is to the layers above. Where RFC 791 and RFC 8200 name one thing differently, the
// newer name stands: hop limit (time to live), traffic class (type of service).
import type { IpAddress } from "./ip_address.ts";

/** https://www.iana.org/assignments/protocol-numbers */
export const IP_PROTOCOL = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58 } as const;

/** RFC 791 section 2.3; RFC 8200 section 4.5. */
export type Fragment = {
  /** 16 bits in IPv4, 32 in IPv6. */
  readonly identification: number;
  /** Bytes, a multiple of 8. */
  readonly offset: number;
  readonly moreFragments: boolean;
};

export type IpHeader = {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** The upper layer's: what the last header says where there are several. */
  readonly protocol: number;
  readonly hopLimit: number;
  /** DSCP and ECN. 0 where it is left out. */
  readonly trafficClass?: number;
  /** Only on a piece of a datagram, not on whole ones. */
  readonly fragment?: Fragment | undefined;
};

export type IpPacket = IpHeader & {
  /** A view: the upper layer's packet, or a fragment's part of it. */
  readonly payload: Uint8Array;
};
