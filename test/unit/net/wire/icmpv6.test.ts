import { expect, test } from "bun:test";
import { emitIcmpv6, type Icmpv6Message, icmpv6Length, parseIcmpv6 } from "../../../../src/net/wire/icmpv6.ts";
import { parseQuotedIpv6 } from "../../../../src/net/wire/ipv6.ts";
import { parseUdp } from "../../../../src/net/wire/udp.ts";
import { fromHex } from "./captured.ts";
import { address, bytesOf, ipv6In, present, pseudoOf } from "./values.ts";

const PSEUDO = { source: address("fd00::2"), destination: address("fd00::100") };

function emitted(message: Icmpv6Message, pseudo = PSEUDO): string {
  const into = new Uint8Array(icmpv6Length(message) + 4);
  expect(emitIcmpv6(message, pseudo, into, 3)).toBe(into.length - 4);
  return into.subarray(3, into.length - 1).toHex();
}

test.each([
  ["icmp6EchoRequest", "echo-request"],
  ["icmp6EchoReply", "echo-reply"],
] as const)("%s of Linux, and back", (name, kind) => {
  const packet = ipv6In(name);
  const message = present(parseIcmpv6(packet.payload, pseudoOf(packet)));
  expect(message).toEqual({ kind, identifier: 7, sequenceNumber: 1, data: bytesOf("ping6") });
  expect(emitted(message, pseudoOf(packet))).toBe(packet.payload.toHex());
});

test("port unreachable of Linux quotes our datagram", () => {
  const packet = ipv6In("icmp6PortUnreachable");
  const message = present(parseIcmpv6(packet.payload, pseudoOf(packet)));
  if (message.kind !== "destination-unreachable") throw new Error(message.kind);
  expect(message.code).toBe(4);
  const quoted = present(parseQuotedIpv6(message.invokingPacket));
  expect(quoted).toMatchObject({ destination: address("fd00::2"), protocol: 17 });
  expect(parseUdp(quoted.payload)?.destinationPort).toBe(9);
  expect(emitted(message, pseudoOf(packet))).toBe(packet.payload.toHex());
});

// Checksums computed with Python's struct.
test.each([
  ["packet too big", { kind: "packet-too-big", mtu: 1280, invokingPacket: fromHex("6000") }, "0200 9db7 00000500 6000"],
  ["time exceeded", { kind: "time-exceeded", code: 0, invokingPacket: fromHex("6000") }, "0300 a1b7 00000000 6000"],
] as const)("%s: both ways", (_, message, hex) => {
  expect(emitted(message)).toBe(hex.replaceAll(" ", ""));
  expect(parseIcmpv6(fromHex(hex), PSEUDO)).toEqual(message);
});

test("a wrong checksum is refused where it's verified, as are short and unknown messages", () => {
  const bytes = fromHex("8000 0000 0007 0001");
  expect(parseIcmpv6(bytes, PSEUDO)).toBeUndefined();
  expect(parseIcmpv6(bytes)).toBeDefined();
  expect(parseIcmpv6(bytes.subarray(0, 7))).toBeUndefined();
  expect(parseIcmpv6(fromHex("8500 0000 0000 0000"))).toBeUndefined();
});
