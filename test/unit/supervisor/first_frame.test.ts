import { expect, test } from "bun:test";
import { wantsAnswer } from "../../../src/supervisor/first_frame.ts";

/** A virtio_net_hdr and an Ethernet header. */
function frame(destination: readonly number[], etherType: number): Uint8Array {
  return Uint8Array.from([...Array(12).fill(0), ...destination, ...Array(6).fill(2), etherType >> 8, etherType & 0xff]);
}

const GATEWAY = [0x52, 0x55, 0x0a, 0, 2, 2];
const MULTICAST = [0x33, 0x33, 0, 0, 0, 0x16];
const BROADCAST = Array(6).fill(0xff);

test.each([
  ["IPv4 to the gateway", GATEWAY, 0x0800, true],
  ["IPv6 to the gateway", GATEWAY, 0x86dd, true],
  ["an ARP request", BROADCAST, 0x0806, true],
  ["a report of multicast groups", MULTICAST, 0x86dd, false],
  ["IPv4 broadcast, which DHCP is", BROADCAST, 0x0800, true],
])("%s: %p %p", (_, destination, etherType, wanted) => expect(wantsAnswer(frame(destination, etherType))).toBe(wanted));

test.each([
  ["a neighbour solicitation", 135, true],
  ["a router solicitation", 133, true],
  ["a report of multicast groups without its extension header", 143, false],
])("%s: %d %p", (_, type, wanted) => {
  const packet = [0x60, 0, 0, 0, 0, 24, 58, 255, ...Array(32).fill(0), type];
  expect(wantsAnswer(Uint8Array.from([...frame(MULTICAST, 0x86dd), ...packet]))).toBe(wanted);
});

test("what is no frame wants nothing", () => expect(wantsAnswer(new Uint8Array(12))).toBe(false));
