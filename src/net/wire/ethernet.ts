// Ethernet II framing: RFC 894 for IPv4, RFC 2464 for IPv6. No tags, no 802.3 length field: the other end is a TAP of our own.
import { getMacAddress, type MacAddress, putMacAddress } from "./mac_address.ts";
import { get16, put16 } from "./network_order.ts";

export const ETHERNET_HEADER_LENGTH = 14;

const DESTINATION = 0;
const SOURCE = 6;
const ETHER_TYPE_AT = 12;

export const ETHER_TYPE = { IPV4: 0x0800, ARP: 0x0806, IPV6: 0x86dd } as const;

/** Smaller ones are lengths of 802.3 frames (RFC 894, "Trailer Formats" and RFC 1042). */
const LEAST_ETHER_TYPE = 0x0600;

export type EthernetHeader = {
  readonly destination: MacAddress;
  readonly source: MacAddress;
  readonly etherType: number;
};

export type EthernetFrame = EthernetHeader & {
  /** A view of the frame, to its end, padding included. */
  readonly payload: Uint8Array;
};

export function parseEthernet(bytes: Uint8Array): EthernetFrame | undefined {
  if (bytes.length < ETHERNET_HEADER_LENGTH) return undefined;
  const etherType = get16(bytes, ETHER_TYPE_AT);
  if (etherType < LEAST_ETHER_TYPE) return undefined;
  return {
    destination: getMacAddress(bytes, DESTINATION),
    source: getMacAddress(bytes, SOURCE),
    etherType,
    payload: bytes.subarray(ETHERNET_HEADER_LENGTH),
  };
}

/** The header; bytes written. */
export function emitEthernet(header: EthernetHeader, into: Uint8Array, offset: number): number {
  putMacAddress(into, offset + DESTINATION, header.destination);
  putMacAddress(into, offset + SOURCE, header.source);
  put16(into, offset + ETHER_TYPE_AT, header.etherType);
  return ETHERNET_HEADER_LENGTH;
}
