import { expect, test } from "bun:test";
import { emitDhcpv4, parseDhcpv4 } from "../../../../src/net/wire/dhcpv4.ts";
import { fromHex } from "./captured.ts";
import { address, present } from "./values.ts";

/** A client's message with `options`. */
function message(options: string, { flags = "0000", file = "" } = {}): Uint8Array {
  const head = `01010600 a1b2c3d4 0003 ${flags} 00000000 00000000 00000000 00000000 020000000002`;
  const bytes = new Uint8Array(240 + fromHex(options).length);
  bytes.set(fromHex(head));
  bytes.set(fromHex(file), 108);
  bytes.set(fromHex("63825363"), 236);
  bytes.set(fromHex(options), 240);
  return bytes;
}

const DISCOVER = "350101 3d0701020000000002 390202 40 3707 01031a06 0c0f77 ff";

test("a DISCOVER", () => {
  expect(parseDhcpv4(message(DISCOVER, { flags: "8000" }))).toEqual({
    kind: "discover",
    transactionId: 0xa1b2c3d4,
    broadcast: true,
    clientAddress: address("0.0.0.0"),
    gatewayAddress: address("0.0.0.0"),
    hardwareAddress: 0x020000000002,
    parameterRequestList: fromHex("01031a060c0f77"),
  });
});

test("a REQUEST names the address and the server", () => {
  expect(parseDhcpv4(message("350103 32040a000264 36040a000202"))).toMatchObject({
    kind: "request",
    broadcast: false,
    requestedAddress: address("10.0.2.100"),
    serverIdentifier: address("10.0.2.2"),
  });
});

test.each([
  ["350104 ff", "decline"],
  ["350107 ff", "release"],
  ["0000 350108 ff 350101", "inform"],
] as const)("options %s: %s", (options, kind) => {
  expect(parseDhcpv4(message(options))?.kind).toBe(kind);
});

test("an option in pieces is one, wherever its pieces are", () => {
  expect(parseDhcpv4(message("350103 32020a00 340101 ff", { file: "32020264 ff" }))).toMatchObject({
    requestedAddress: address("10.0.2.100"),
  });
  expect(parseDhcpv4(message("350103 3203010203 ff", { file: "320104 ff" }))?.requestedAddress).toBeUndefined();
});

test.each([
  ["cut short", message("").subarray(0, 239)],
  ["no type", message("ff")],
  ["a server's type", message("350102 ff")],
  ["a type of two bytes", message("35020101 ff")],
  ["a type cut short", message("3501")],
  ["a server's message", message(DISCOVER).with(0, 2)],
  ["other hardware", message(DISCOVER).with(1, 6)],
  ["another hardware length", message(DISCOVER).with(2, 16)],
  ["another cookie", message(DISCOVER).with(236, 0)],
])("%s: refused", (_, bytes) => {
  expect(parseDhcpv4(bytes)).toBeUndefined();
});

test("an option cut short is the last one", () => {
  expect(parseDhcpv4(message("350101 37ff 0102"))).toMatchObject({ kind: "discover" });
  expect(parseDhcpv4(message("350101 37"))?.parameterRequestList).toBeUndefined();
});

const REPLY = {
  serverIdentifier: address("10.0.2.2"),
  prefixLength: 24,
  routers: [address("10.0.2.2")],
  domainNameServers: [address("10.0.2.3"), address("10.0.2.4")],
  mtu: 65520,
  domainName: "home.test",
  domainSearch: ["home.test", "lan"],
} as const;

const REPLY_OPTIONS = `0104ffffff00 03040a000202 06080a0002030a000204 1a02fff0
  0f09686f6d652e74657374 7710 04686f6d65047465737400 036c616e00`.replace("\n", "");

test.each([
  ["offer", "02"],
  ["ack", "05"],
] as const)("an %s: fields and options byte for byte", (kind, type) => {
  const request = present(parseDhcpv4(message(DISCOVER, { flags: "8000" })));
  const bytes = emitDhcpv4({ kind, yourAddress: address("10.0.2.100"), leaseTime: 86400, ...REPLY }, request);
  const head = "02010600 a1b2c3d4 0000 8000 00000000 0a000264 00000000 00000000 020000000002";
  const expected = new Uint8Array(Math.max(300, bytes.length));
  expected.set(fromHex(head));
  expected.set(fromHex(`63825363 3501${type} 36040a000202 330400015180 ${REPLY_OPTIONS} ff`), 236);
  expect(bytes.toHex()).toBe(expected.toHex());
});

test("an ACK to INFORM has the client's address and no lease, a NAK neither", () => {
  const inform = message("350108 ff");
  inform.set(address("10.0.2.100").bytes, 12);
  const request = present(parseDhcpv4(inform));
  const ack = emitDhcpv4({ kind: "ack", ...REPLY }, request);
  expect(ack.subarray(12, 20).toHex()).toBe("0a00026400000000");
  expect(ack.subarray(240).toHex()).toStartWith(fromHex(`350105 36040a000202 ${REPLY_OPTIONS} ff`).toHex());
  const nak = emitDhcpv4({ kind: "nak", serverIdentifier: address("10.0.2.2") }, request);
  expect(nak.length).toBe(300);
  expect(nak.subarray(12, 20).toHex()).toBe("00".repeat(8));
  expect(nak.subarray(240, 250).toHex()).toBe("35010636040a000202ff");
});

test("a search list longer than an option goes into several", () => {
  const domainSearch = Array.from({ length: 30 }, (_, at) => `domain${10 + at}.test`);
  const request = present(parseDhcpv4(message(DISCOVER)));
  const bytes = emitDhcpv4({ kind: "ack", serverIdentifier: address("10.0.2.2"), domainSearch }, request);
  // 30 names of 15 bytes: 450 bytes, so 255 and 195.
  const options = bytes.subarray(240 + 9);
  expect([options[0], options[1], options[257], options[258], options[454]]).toEqual([119, 255, 119, 195, 255]);
});
