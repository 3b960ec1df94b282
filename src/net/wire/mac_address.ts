// An IEEE 802 48-bit address. It is a number, for a double holds 53 bits exactly: no object a packet, and `===` compares.
import { get16, get32, put16, put32 } from "./network_order.ts";

/** The six octets as an unsigned number, the first one the most significant. */
export type MacAddress = number;

export const MAC_LENGTH = 6;
export const BROADCAST_MAC: MacAddress = 0xffffffffffff;

const LOW_BITS = 2 ** 32;

export function getMacAddress(bytes: Uint8Array, at: number): MacAddress {
  return get16(bytes, at) * LOW_BITS + get32(bytes, at + 2);
}

export function putMacAddress(bytes: Uint8Array, at: number, address: MacAddress): void {
  put16(bytes, at, Math.floor(address / LOW_BITS));
  put32(bytes, at + 2, address % LOW_BITS);
}

/** "52:55:0a:00:02:02"; `undefined` for other text. */
export function parseMacAddress(text: string): MacAddress | undefined {
  return /^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(text) ? Number.parseInt(text.replaceAll(":", ""), 16) : undefined;
}

export function formatMacAddress(address: MacAddress): string {
  return address
    .toString(16)
    .padStart(12, "0")
    .replace(/..(?!$)/g, "$&:");
}

/** Is the group bit set: broadcast or multicast (IEEE 802-2014 section 8.2.2)? */
export function isGroupMac(address: MacAddress): boolean {
  return (Math.floor(address / 2 ** 40) & 1) === 1;
}
