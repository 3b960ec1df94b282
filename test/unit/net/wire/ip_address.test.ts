import { expect, test } from "bun:test";
import {
  contains,
  copyAddress,
  equalAddresses,
  formatIpAddress,
  formatPrefix,
  type IpAddress,
  isIpv4Mapped,
  parseIpAddress,
  parsePrefix,
} from "../../../../src/net/wire/ip_address.ts";
import { formatMacAddress, isGroupMac, parseMacAddress } from "../../../../src/net/wire/mac_address.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";
import { address, prefix } from "./values.ts";

test.each([
  ["0.0.0.0", "00000000"],
  ["10.0.2.100", "0a000264"],
  ["255.255.255.255", "ffffffff"],
  ["::", "00".repeat(16)],
  ["::1", `${"00".repeat(15)}01`],
  ["1::", `0001${"00".repeat(14)}`],
  ["fd00::2", `fd00${"00".repeat(13)}02`],
  ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
  ["::ffff:10.0.2.3", `${"00".repeat(10)}ffff0a000203`],
])("%s is %s, both ways", (text, hex) => {
  expect(address(text).bytes.toHex()).toBe(hex);
  expect(formatIpAddress(address(text))).toBe(text);
});

// RFC 5952 sections 2 and 4: many texts of one address, one canonical one.
test.each([
  ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:0db8::0001", "2001:db8::1"],
  ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
])("%s is written %s", (text, canonical) => {
  expect(formatIpAddress(address(text))).toBe(canonical);
});

test.each([
  "",
  "1.2.3",
  "1.2.3.4.5",
  "1.2.3.256",
  "01.2.3.4",
  "1.2.3.4 ",
  "0x1.2.3.4",
  "1..3.4",
  ":",
  ":::",
  "1::2::3",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4::5:6:7:8",
  "12345::",
  "g::",
  ":1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7:",
  "fe80::1%eth0",
  "::1.2.3.4:5",
  "::1.2.3",
  "1.2.3.4::",
  "::01.2.3.4",
])("%p is no address", (text) => {
  expect(parseIpAddress(text)).toBeUndefined();
});

test("10000 random addresses of each family are the same after text", () => {
  const { below } = random(0x1b6);
  for (let round = 0; round < 20000; round++) {
    const family = round % 2 === 0 ? 4 : 6;
    const bytes = new Uint8Array(family === 4 ? 4 : 16).map(() => (below(3) === 0 ? below(256) : 0));
    const value: IpAddress = { family, bytes };
    expect(equalAddresses(address(formatIpAddress(value)), value)).toBe(true);
  }
});

test("addresses of different families are never equal, and a copy is apart from its packet", () => {
  const packet = new Uint8Array(16);
  const view: IpAddress = { family: 4, bytes: packet.subarray(0, 4) };
  const copy = copyAddress(view);
  packet[0] = 1;
  expect(equalAddresses(view, copy)).toBe(false);
  expect(equalAddresses(copy, address("0.0.0.0"))).toBe(true);
  expect(equalAddresses(address("::"), { family: 4, bytes: new Uint8Array(16) })).toBe(false);
  expect(isIpv4Mapped(address("::ffff:1.2.3.4"))).toBe(true);
  expect(isIpv4Mapped(address("::fffe:1.2.3.4"))).toBe(false);
});

test.each([
  ["10.0.2.99/24", "10.0.2.0/24"],
  ["10.0.2.99/0", "0.0.0.0/0"],
  ["10.0.2.99", "10.0.2.99/32"],
  ["10.255.255.255/9", "10.128.0.0/9"],
  ["fd00::ffff/113", "fd00::8000/113"],
  ["fd00::1", "fd00::1/128"],
])("prefix %s is %s", (text, masked) => {
  expect(formatPrefix(prefix(text))).toBe(masked);
});

test.each(["10.0.2.0/33", "10.0.2.0/", "10.0.2.0/-1", "10.0.2.0/08", "::/129", "x/8", "/8", "1.2.3.4/8/8", "::/8x"])(
  "%p is no prefix",
  (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  },
);

test.each([
  ["10.0.2.0/24", "10.0.2.255", true],
  ["10.0.2.0/24", "10.0.3.0", false],
  ["10.0.2.0/31", "10.0.2.1", true],
  ["10.0.2.0/31", "10.0.2.2", false],
  ["10.0.2.7", "10.0.2.7", true],
  ["0.0.0.0/0", "255.1.2.3", true],
  ["0.0.0.0/0", "::", false],
  ["::/0", "ffff::", true],
  ["fe80::/10", "febf::1", true],
  ["fe80::/10", "fec0::1", false],
  ["::1", "::1", true],
  ["10.0.0.0/8", "::ffff:10.0.0.1", false],
])("does %s contain %s? %p", (text, host, expected) => {
  expect(contains(prefix(text), address(host))).toBe(expected);
});

test("MAC addresses as text", () => {
  expect(parseMacAddress("52:55:0A:00:02:02")).toBe(0x52550a000202);
  expect(formatMacAddress(0x02000000000a)).toBe("02:00:00:00:00:0a");
  expect(formatMacAddress(0xffffffffffff)).toBe("ff:ff:ff:ff:ff:ff");
  for (const text of ["", "52:55:0a:00:02", "52:55:0a:00:02:2", "52-55-0a-00-02-02", "52:55:0a:00:02:02:02"])
    expect(parseMacAddress(text)).toBeUndefined();
  expect(isGroupMac(0x333300000001)).toBe(true);
  expect(isGroupMac(0x020000000001)).toBe(false);
});
