import { expect, test } from "bun:test";
import { type ArpPacket, emitArp, parseArp } from "../../../../src/net/wire/arp.ts";
import { type EthernetHeader, emitEthernet, parseEthernet } from "../../../../src/net/wire/ethernet.ts";
import {
  emitVirtioNetHdr,
  NO_OFFLOAD,
  parseVirtioNetHdr,
  VIRTIO_NET_HDR_FLAG,
  VIRTIO_NET_HDR_GSO,
  type VirtioNetHdr,
} from "../../../../src/net/wire/virtio_net_hdr.ts";
import { captured, fromHex } from "./captured.ts";
import { address, present } from "./values.ts";

const OFFLOAD: VirtioNetHdr = {
  flags: VIRTIO_NET_HDR_FLAG.NEEDS_CSUM,
  gsoType: VIRTIO_NET_HDR_GSO.TCPV4,
  hdrLen: 66,
  gsoSize: 1448,
  csumStart: 34,
  csumOffset: 16,
  numBuffers: 0x0102,
};

test("virtio_net_hdr: little-endian, 12 bytes", () => {
  const bytes = new Uint8Array(16).fill(0xee);
  expect(emitVirtioNetHdr(OFFLOAD, bytes, 2)).toBe(12);
  expect(bytes.toHex()).toBe("eeee 01 01 4200 a805 2200 1000 0201 eeee".replaceAll(" ", ""));
  expect(parseVirtioNetHdr(bytes.subarray(2))).toEqual(OFFLOAD);
  expect(parseVirtioNetHdr(new Uint8Array(12))).toEqual(NO_OFFLOAD);
  expect(parseVirtioNetHdr(new Uint8Array(11))).toBeUndefined();
});

test("Ethernet: a frame of Linux, and back", () => {
  const bytes = captured("tcpSyn");
  const frame = present(parseEthernet(bytes));
  const header: EthernetHeader = { destination: 0x020000000001, source: 0x020000000002, etherType: 0x0800 };
  expect(frame).toMatchObject(header);
  expect(frame.payload.byteOffset).toBe(14);
  expect(frame.payload.buffer).toBe(bytes.buffer);
  const into = new Uint8Array(20);
  expect(emitEthernet(header, into, 3)).toBe(14);
  expect(into.subarray(3, 17).toHex()).toBe(bytes.subarray(0, 14).toHex());
});

test("Ethernet: too short, or with a length in place of a type", () => {
  expect(parseEthernet(new Uint8Array(13))).toBeUndefined();
  expect(parseEthernet(fromHex("020000000001 020000000002 05ff 00"))).toBeUndefined();
  expect(parseEthernet(fromHex("020000000001 020000000002 0600"))?.payload.length).toBe(0);
});

const REQUEST: ArpPacket = {
  operation: 1,
  senderHardwareAddress: 0x020000000002,
  senderProtocolAddress: address("10.0.2.100"),
  targetHardwareAddress: 0,
  targetProtocolAddress: address("10.0.2.2"),
};
const REPLY: ArpPacket = {
  operation: 2,
  senderHardwareAddress: 0x020000000001,
  senderProtocolAddress: address("10.0.2.2"),
  targetHardwareAddress: 0x020000000002,
  targetProtocolAddress: address("10.0.2.100"),
};

test.each([
  ["arpRequest", REQUEST],
  ["arpReply", REPLY],
] as const)("ARP: %s of Linux, and back", (name, packet) => {
  const { payload } = present(parseEthernet(captured(name)));
  expect(parseArp(payload)).toEqual(packet);
  const into = new Uint8Array(28);
  expect(emitArp(packet, into, 0)).toBe(28);
  expect(into.toHex()).toBe(payload.toHex());
});

test.each([
  ["cut short", 0, 27],
  ["other hardware", 1, 6],
  ["other protocol", 2, 0x86],
  ["other hardware length", 4, 8],
  ["other protocol length", 5, 16],
  ["other operation", 7, 3],
])("ARP: %s is refused", (_, at, value) => {
  const { payload } = present(parseEthernet(captured("arpRequest")));
  if (at === 0) return expect(parseArp(payload.subarray(0, value))).toBeUndefined();
  payload[at] = value;
  expect(parseArp(payload)).toBeUndefined();
});
