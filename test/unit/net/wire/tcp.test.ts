import { expect, test } from "bun:test";
import {
  emitTcp,
  parseTcp,
  TCP_CHECKSUM_OFFSET,
  TCP_FLAG,
  type TcpHeader,
  type TcpOptions,
  tcpChecksum,
  tcpHeaderLength,
} from "../../../../src/net/wire/tcp.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";
import { fromHex } from "./captured.ts";
import { ipv4In, present, pseudoOf } from "./values.ts";

const { SYN, RST, PSH, ACK } = TCP_FLAG;

function withOptions(options: string): Uint8Array {
  const bytes = fromHex(`0001 0002 00000003 00000004 0000 0005 0000 0000 ${options}`);
  bytes[12] = (bytes.length >> 2) << 4;
  return bytes;
}

function optionsOf(hex: string): TcpOptions {
  return present(parseTcp(withOptions(hex))).options;
}

test("a SYN of Linux", () => {
  expect(parseTcp(ipv4In("tcpSyn").payload)).toEqual({
    sourcePort: 58318,
    destinationPort: 81,
    sequenceNumber: 0xaa8d9a81,
    acknowledgmentNumber: 0,
    flags: SYN,
    window: 64240,
    options: {
      maximumSegmentSize: 1460,
      sackPermitted: true,
      timestamps: { value: 0xd84b5646, echoReply: 0 },
      windowScale: 10,
    },
    payload: new Uint8Array(0),
  });
});

test("a SYN of ours: byte for byte as computed by hand", () => {
  const header: TcpHeader = {
    sourcePort: 80,
    destinationPort: 40000,
    sequenceNumber: 0xfffffffe,
    acknowledgmentNumber: 0x80000001,
    flags: SYN | ACK,
    window: 65535,
    options: {
      maximumSegmentSize: 65480,
      windowScale: 8,
      sackPermitted: true,
      timestamps: { value: 0x01020304, echoReply: 0xf1f2f3f4 },
    },
  };
  const into = new Uint8Array(42).fill(0xee);
  expect(tcpHeaderLength(header)).toBe(40);
  expect(emitTcp(header, into, 1)).toBe(40);
  const fixed = "0050 9c40 fffffffe 80000001 a012 ffff 0000 0000";
  const options = "0204ffc8 030308 0402 01 080a01020304f1f2f3f4";
  expect(into.toHex()).toBe(`ee${fixed}${options}ee`.replaceAll(" ", ""));
});

test("data of Linux: its payload is a view, its header the same from us, timestamps where it has them", () => {
  const { payload: bytes } = ipv4In("tcpData");
  const segment = present(parseTcp(bytes));
  expect(segment.flags).toBe(PSH | ACK);
  expect(segment.payload.toHex()).toBe("68656c6c6f");
  expect(segment.payload.buffer).toBe(bytes.buffer);
  const into = new Uint8Array(32);
  expect(emitTcp(segment, into, 0)).toBe(32);
  into.set(bytes.subarray(TCP_CHECKSUM_OFFSET, TCP_CHECKSUM_OFFSET + 2), TCP_CHECKSUM_OFFSET);
  expect(into.toHex()).toBe(bytes.subarray(0, 32).toHex());
});

test("a RST of Linux has its whole checksum: verified, computed alike, and refused when damaged", () => {
  const packet = ipv4In("tcpRst");
  const segment = present(parseTcp(packet.payload, pseudoOf(packet)));
  expect(segment.flags).toBe(RST | ACK);
  const into = new Uint8Array(20);
  emitTcp(segment, into, 0);
  expect(tcpChecksum([into], pseudoOf(packet))).toBe(0x6e3b);
  packet.payload[4] = 1;
  expect(parseTcp(packet.payload, pseudoOf(packet))).toBeUndefined();
  expect(parseTcp(packet.payload)).toBeDefined();
});

test("a header that isn't there is refused", () => {
  expect(parseTcp(withOptions("").subarray(0, 19))).toBeUndefined();
  expect(parseTcp(fromHex("0001 0002 00000003 00000004 4000 0005 0000 0000"))).toBeUndefined();
  expect(parseTcp(fromHex("0001 0002 00000003 00000004 6000 0005 0000 0000"))).toBeUndefined();
});

test.each<readonly [string, string, TcpOptions]>([
  ["none", "", {}],
  ["no-operations, then the end", "01010100", {}],
  ["nothing after the end", "00020405b4010101", {}],
  ["an unknown one is skipped", "fd04aabb 020405b4", { maximumSegmentSize: 1460 }],
  ["four SACK blocks", `0101 0522 ${"00000001 00000002".repeat(4)}`, { sackBlocks: new Array(4).fill([1, 2]) }],
  ["a known one of another length is skipped", "0206ffffffff 0101 030307 01", { windowScale: 7 }],
  ["a SACK of half a block is skipped", "0506 00000001 0101 020405b4", { maximumSegmentSize: 1460 }],
  ["a window scale above 14 is 14", "0303ff 01", { windowScale: 14 }],
  ["length 0 ends", "02000000 020405b4", {}],
  ["length 1 ends", "030307 fd 01020303", { windowScale: 7 }],
  ["a length beyond the header ends", "030307 01 020501 01", { windowScale: 7 }],
  ["a kind with no length ends", "030307 02", { windowScale: 7 }],
])("options: %s", (_, hex, expected) => {
  expect(optionsOf(hex)).toEqual(expected);
});

test("SACK blocks beside others: as many as 40 bytes hold", () => {
  const sackBlocks = [1, 2, 3, 4, 5].map((left) => [left, left + 9] as const);
  const lengths = (options: TcpOptions): readonly number[] => {
    const header = { ...present(parseTcp(withOptions(""))), options: { ...options, sackBlocks } };
    const into = new Uint8Array(80);
    const length = emitTcp(header, into, 0);
    expect(tcpHeaderLength(header)).toBe(length);
    return [length, present(parseTcp(into.subarray(0, length))).options.sackBlocks?.length ?? 0];
  };
  expect(lengths({})).toEqual([56, 4]);
  expect(lengths({ timestamps: { value: 1, echoReply: 2 } })).toEqual([60, 3]);
  expect(lengths({ maximumSegmentSize: 9, windowScale: 1, sackPermitted: true })).toEqual([56, 3]);
});

test("5000 random segments are the same after the wire", () => {
  const { below } = random(0x9293);
  const word = (): number => below(0x10000) * 0x10000 + below(0x10000);
  for (let round = 0; round < 5000; round++) {
    const options: TcpOptions = {
      ...(below(2) ? { maximumSegmentSize: below(0x10000) } : {}),
      ...(below(2) ? { windowScale: below(15) } : {}),
      ...(below(2) ? { sackPermitted: true } : {}),
      ...(below(2) ? { timestamps: { value: word(), echoReply: word() } } : {}),
      ...(below(2) ? { sackBlocks: [[word(), word()] as const] } : {}),
    };
    const header: TcpHeader = {
      sourcePort: below(0x10000),
      destinationPort: below(0x10000),
      sequenceNumber: word(),
      acknowledgmentNumber: word(),
      flags: below(256),
      window: below(0x10000),
      options,
    };
    const into = new Uint8Array(90);
    const length = emitTcp(header, into, 0);
    expect(length).toBe(tcpHeaderLength(header));
    expect(length % 4).toBe(0);
    const payload = new Uint8Array(below(20));
    expect(parseTcp(into.subarray(0, length + payload.length))).toEqual({ ...header, payload });
  }
});
