import { expect, test } from "bun:test";
import { emitUdp, parseUdp, UDP_CHECKSUM_OFFSET, udpChecksum } from "../../../../src/net/wire/udp.ts";
import { captured, fromHex } from "./captured.ts";
import { address, bytesOf, ipv4In, present, pseudoOf } from "./values.ts";

// Computed with Python's struct: ports 5353 and 53, "hello" from 10.0.2.3 to 10.0.2.100, and from fd00::3 to fd00::100.
const DATAGRAM = "14e9 0035 000d 8e7d 68656c6c6f";
const DATAGRAM6 = "14e9 0035 000d abdf 68656c6c6f";
const PSEUDO = { source: address("10.0.2.3"), destination: address("10.0.2.100") };
const PSEUDO6 = { source: address("fd00::3"), destination: address("fd00::100") };

test.each([
  ["IPv4", DATAGRAM, PSEUDO],
  ["IPv6", DATAGRAM6, PSEUDO6],
] as const)("a datagram over %s: parsed with its checksum, and emitted with it", (_, hex, pseudo) => {
  const parsed = present(parseUdp(fromHex(hex), pseudo));
  expect(parsed).toEqual({ sourcePort: 5353, destinationPort: 53, payload: fromHex("68656c6c6f") });
  const header = new Uint8Array(8);
  expect(emitUdp(parsed, 5, header, 0)).toBe(8);
  const checksum = udpChecksum([header, bytesOf("hel"), bytesOf("lo")], pseudo);
  new DataView(header.buffer).setUint16(UDP_CHECKSUM_OFFSET, checksum);
  expect(`${header.toHex()}68656c6c6f`).toBe(hex.replaceAll(" ", ""));
});

test("a datagram of Linux has the partial sum only: read without verification", () => {
  const packet = ipv4In("udp");
  expect(parseUdp(packet.payload, pseudoOf(packet))).toBeUndefined();
  const parsed = present(parseUdp(packet.payload));
  expect(parsed.payload.toHex()).toBe("6f6e65");
  expect(parsed.payload.buffer).toBe(packet.payload.buffer);
  expect(captured("udp").subarray(-3).toHex()).toBe("6f6e65");
});

test("a damaged datagram is refused, but where no checksum was sent", () => {
  const bytes = fromHex(DATAGRAM);
  bytes[9] = 0;
  expect(parseUdp(bytes, PSEUDO)).toBeUndefined();
  bytes.fill(0, 6, 8);
  expect(parseUdp(bytes, PSEUDO)).toBeDefined();
  expect(parseUdp(bytes, PSEUDO6)).toBeUndefined();
});

test("what follows the length is left out; a length that can't be is refused", () => {
  expect(parseUdp(fromHex("0001 0002 0009 0000 aa bbcc"))?.payload.toHex()).toBe("aa");
  expect(parseUdp(fromHex("0001 0002 0007 0000 aa"))).toBeUndefined();
  expect(parseUdp(fromHex("0001 0002 000a 0000 aa"))).toBeUndefined();
  expect(parseUdp(fromHex("0001 0002 0008 00"))).toBeUndefined();
  expect(parseUdp(fromHex("0001 0002 0008 0000"))?.payload.length).toBe(0);
});

test("a checksum that comes out as 0 is sent as all ones", () => {
  const header = new Uint8Array(8);
  emitUdp({ sourcePort: 0, destinationPort: 0 }, 2, header, 0);
  const whole = udpChecksum([header, new Uint8Array(2)], PSEUDO);
  expect(udpChecksum([header, Uint8Array.of(whole >> 8, whole & 0xff)], PSEUDO)).toBe(0xffff);
});
