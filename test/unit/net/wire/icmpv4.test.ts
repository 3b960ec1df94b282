import { expect, test } from "bun:test";
import {
  emitIcmpv4,
  ICMPV4_UNREACHABLE,
  type Icmpv4Message,
  icmpv4Length,
  parseIcmpv4,
} from "../../../../src/net/wire/icmpv4.ts";
import { parseQuotedIpv4 } from "../../../../src/net/wire/ipv4.ts";
import { parseUdp } from "../../../../src/net/wire/udp.ts";
import { fromHex } from "./captured.ts";
import { address, bytesOf, ipv4In, present } from "./values.ts";

function emitted(message: Icmpv4Message): Uint8Array {
  const into = new Uint8Array(icmpv4Length(message) + 4);
  expect(emitIcmpv4(message, into, 3)).toBe(into.length - 4);
  return into.subarray(3, into.length - 1);
}

test.each([
  ["icmpEchoRequest", "echo-request"],
  ["icmpEchoReply", "echo-reply"],
] as const)("%s of Linux, and back", (name, kind) => {
  const { payload } = ipv4In(name);
  const message = present(parseIcmpv4(payload));
  expect(message).toEqual({ kind, identifier: 7, sequenceNumber: 1, data: bytesOf("ping") });
  expect(emitted(message).toHex()).toBe(payload.toHex());
});

test("port unreachable of Linux quotes our datagram", () => {
  const { payload } = ipv4In("icmpPortUnreachable");
  const message = present(parseIcmpv4(payload));
  if (message.kind !== "destination-unreachable") throw new Error(message.kind);
  expect([message.code, message.nextHopMtu]).toEqual([ICMPV4_UNREACHABLE.PORT, 0]);
  const quoted = present(parseQuotedIpv4(message.invokingPacket));
  expect(quoted).toMatchObject({ destination: address("10.0.2.2"), protocol: 17 });
  expect(parseUdp(quoted.payload)).toMatchObject({ sourcePort: 55128, destinationPort: 9 });
  expect(emitted(message).toHex()).toBe(payload.toHex());
});

// Checksums by hand: 0304 + 05dc + 4500, and 0b01 + 4500.
test.each([
  [
    "fragmentation needed",
    { kind: "destination-unreachable", code: 4, nextHopMtu: 1500, invokingPacket: fromHex("4500") },
    "0304 b21f 0000 05dc 4500",
  ],
  [
    "reassembly time exceeded",
    { kind: "time-exceeded", code: 1, invokingPacket: fromHex("4500") },
    "0b01 affe 0000 0000 4500",
  ],
] as const)("%s: both ways", (_, message, hex) => {
  expect(emitted(message).toHex()).toBe(hex.replaceAll(" ", ""));
  expect(parseIcmpv4(fromHex(hex))).toEqual(message);
});

test("a wrong checksum is refused unless it's trusted, as are short and unknown messages", () => {
  const bytes = fromHex("0800 0000 0007 0001");
  expect(parseIcmpv4(bytes)).toBeUndefined();
  expect(parseIcmpv4(bytes, "trust")).toBeDefined();
  expect(parseIcmpv4(bytes.subarray(0, 7), "trust")).toBeUndefined();
  expect(parseIcmpv4(fromHex("0d00 f2ff 0000 0000"))).toBeUndefined();
});
