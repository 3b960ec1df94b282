// Address resolution for IPv4 over Ethernet: RFC 826. Other hardware and protocol types are not for us.
import { ETHER_TYPE } from "./ethernet.ts";
import type { IpAddress } from "./ip_address.ts";
import { getMacAddress, MAC_LENGTH, type MacAddress, putMacAddress } from "./mac_address.ts";
import { get16, put16 } from "./network_order.ts";

export const ARP_LENGTH = 28;

const HARDWARE_TYPE = 0;
const PROTOCOL_TYPE = 2;
const HARDWARE_LENGTH = 4;
const PROTOCOL_LENGTH = 5;
const OPERATION = 6;
const SENDER_HARDWARE = 8;
const SENDER_PROTOCOL = 14;
const TARGET_HARDWARE = 18;
const TARGET_PROTOCOL = 24;

const HARDWARE_ETHERNET = 1;
const IPV4_LENGTH = 4;

export const ARP_OPERATION = { REQUEST: 1, REPLY: 2 } as const;

export type ArpPacket = {
  readonly operation: 1 | 2;
  readonly senderHardwareAddress: MacAddress;
  readonly senderProtocolAddress: IpAddress;
  /** Of no meaning in a request. */
  readonly targetHardwareAddress: MacAddress;
  readonly targetProtocolAddress: IpAddress;
};

/** RFC 826, "Packet Reception". Addresses are views. */
export function parseArp(bytes: Uint8Array): ArpPacket | undefined {
  const operation = get16(bytes, OPERATION);
  if (bytes.length < ARP_LENGTH || !isIpv4OverEthernet(bytes)) return undefined;
  if (operation !== ARP_OPERATION.REQUEST && operation !== ARP_OPERATION.REPLY) return undefined;
  return {
    operation,
    senderHardwareAddress: getMacAddress(bytes, SENDER_HARDWARE),
    senderProtocolAddress: addressAt(bytes, SENDER_PROTOCOL),
    targetHardwareAddress: getMacAddress(bytes, TARGET_HARDWARE),
    targetProtocolAddress: addressAt(bytes, TARGET_PROTOCOL),
  };
}

/** Bytes written. */
export function emitArp(packet: ArpPacket, into: Uint8Array, offset: number): number {
  put16(into, offset + HARDWARE_TYPE, HARDWARE_ETHERNET);
  put16(into, offset + PROTOCOL_TYPE, ETHER_TYPE.IPV4);
  into[offset + HARDWARE_LENGTH] = MAC_LENGTH;
  into[offset + PROTOCOL_LENGTH] = IPV4_LENGTH;
  put16(into, offset + OPERATION, packet.operation);
  putMacAddress(into, offset + SENDER_HARDWARE, packet.senderHardwareAddress);
  into.set(packet.senderProtocolAddress.bytes, offset + SENDER_PROTOCOL);
  putMacAddress(into, offset + TARGET_HARDWARE, packet.targetHardwareAddress);
  into.set(packet.targetProtocolAddress.bytes, offset + TARGET_PROTOCOL);
  return ARP_LENGTH;
}

function isIpv4OverEthernet(bytes: Uint8Array): boolean {
  return (
    get16(bytes, HARDWARE_TYPE) === HARDWARE_ETHERNET &&
    get16(bytes, PROTOCOL_TYPE) === ETHER_TYPE.IPV4 &&
    bytes[HARDWARE_LENGTH] === MAC_LENGTH &&
    bytes[PROTOCOL_LENGTH] === IPV4_LENGTH
  );
}

function addressAt(bytes: Uint8Array, at: number): IpAddress {
  return { family: 4, bytes: bytes.subarray(at, at + IPV4_LENGTH) };
}
