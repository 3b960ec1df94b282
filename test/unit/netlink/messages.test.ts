import { describe, expect, test } from "bun:test";
import { acknowledgementIn, firstFailure } from "../../../src/netlink/acknowledgement.ts";
import { addAddress } from "../../../src/netlink/address.ts";
import { u8, u32 } from "../../../src/netlink/attribute.ts";
import { batch, messagesIn } from "../../../src/netlink/batch.ts";
import { ifreq } from "../../../src/netlink/ifreq.ts";
import { createVeth, setLink } from "../../../src/netlink/link.ts";
import { message } from "../../../src/netlink/message.ts";
import { addDefaultRoute } from "../../../src/netlink/route.ts";
import { tapRequests } from "../../../src/netlink/tap_requests.ts";

const hex = (bytes: Uint8Array): string => bytes.toHex();
const v4 = (...bytes: readonly number[]) => ({ family: 4, bytes: Uint8Array.from(bytes) }) as const;

describe("messages", () => {
  test("lo up: a header of 16 bytes, struct ifinfomsg of 16", () => {
    expect(hex(setLink(1, { up: true }).bytes)).toBe(
      "20000000" + "1000" + "0100" + "00000000" + "00000000" + "00000000" + "01000000" + "01000000" + "01000000",
    );
  });

  test("attributes begin at multiples of four; a nested one's length counts what is inside", () => {
    const bytes = message(0x10, 0, new Uint8Array(0), [u8(1, 0xff), { type: 2, value: [u32(3, 5), u8(4, 6)] }]);
    expect(hex(bytes.subarray(16))).toBe(
      "05000100" + "ff000000" + "14000280" + "08000300" + "05000000" + "05000400" + "06000000",
    );
    expect(bytes.length).toBe(new DataView(bytes.buffer).getUint32(0, true));
  });

  test("an IPv6 address says that nobody else has it, by IFA_FLAGS", () => {
    const v6 = { family: 6, bytes: new Uint8Array(16).fill(0xaa) } as const;
    expect(hex(addAddress(3, v6, 64).bytes.subarray(16, 24))).toBe("0a40000003000000");
    expect(hex(addAddress(3, v6, 64).bytes.subarray(-8))).toBe("0800080002000000");
  });

  test("a default route is a gateway and a link", () => {
    expect(hex(addDefaultRoute(2, v4(10, 0, 2, 2)).bytes.subarray(16))).toBe(
      "02000000fe030001" + "00000000" + "080005000a000202" + "0800040002000000",
    );
  });

  test("they are named for people", () => {
    const requests = [setLink(2, { up: true, mtu: 1500 }), addAddress(2, v4(10, 0, 2, 100), 24)];
    expect(batch(requests, "last").shown).toBe(
      "RTM_NEWLINK {index 2, IFLA_MTU 1500, IFF_UP} RTM_NEWADDR {index 2, 10.0.2.100/24}",
    );
  });

  test("the place of a peer's descriptor is told, at a multiple of four", () => {
    const { bytes, peerNamespaceAt = -1 } = createVeth({ name: "a" }, { name: "b", peerNamespace: 0x12345678 });
    expect(new DataView(bytes.buffer).getUint32(peerNamespaceAt, true)).toBe(0x12345678);
    expect(peerNamespaceAt % 4).toBe(0);
  });

  for (const name of ["", "sixteen-byte-nam", "a/b", "a b", "..", "a:1", "ü".repeat(8)])
    test(`${JSON.stringify(name)} is no name for a link`, () => {
      expect(() => setLink(1, { name })).toThrow(RangeError);
      expect(() => ifreq(name)).toThrow(RangeError);
    });

  test("struct ifreq holds the name and the flags", () => {
    const bytes = ifreq("tap0", 0x5002);
    expect([bytes.length, hex(bytes.subarray(0, 20))]).toEqual([40, "7461703000000000000000000000000002500000"]);
  });

  test("a TAP's index is set before it is made, offloads after", () => {
    expect(tapRequests({ name: "tap0", udpSegmentation: true }).map(({ name }) => name)).toEqual([
      "TUNSETIFINDEX",
      "TUNSETIFF",
      "TUNSETVNETHDRSZ",
      "TUNSETVNETLE",
      "TUNSETOFFLOAD",
      "TUNSETPERSIST",
      "TUNSETOFFLOAD",
    ]);
    expect(tapRequests({ name: "tap0", closesWithDescriptor: true }).map(({ name }) => name)).not.toContain(
      "TUNSETPERSIST",
    );
  });
});

describe("a batch", () => {
  const requests = [setLink(1, { up: true }), setLink(2, { mtu: 1280 }), setLink(3, { up: false })];
  const flagsOf = (ack: "each" | "last"): readonly number[] =>
    messagesIn(batch(requests, ack).bytes).map(({ flags }) => flags & 4);

  test("numbers its requests from 1, and asks for one answer or for all", () => {
    const all = batch(requests, "last");
    expect(messagesIn(all.bytes).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(all.offsets).toEqual([0, 32, 72]);
    expect([flagsOf("last"), flagsOf("each")]).toEqual([
      [0, 0, 4],
      [4, 4, 4],
    ]);
  });

  test("does not change the requests it was made from", () => {
    const before = requests.map(({ bytes }) => hex(bytes));
    batch(requests, "each");
    expect(requests.map(({ bytes }) => hex(bytes))).toEqual(before);
  });

  test("the first failure is the one told", () => {
    const answers = Buffer.concat([answer(1, 0), answer(2, -19), answer(3, -1)]);
    expect(firstFailure(batch(requests, "each"), answers)).toMatchObject({
      request: { shown: "RTM_NEWLINK {index 2, IFLA_MTU 1280}" },
      errno: 19,
    });
    expect(firstFailure(batch(requests, "each"), answer(1, 0))).toBeUndefined();
  });

  test("an answer to nothing that was asked is none", () => {
    expect(firstFailure(batch(requests, "each"), answer(9, -1))).toBeUndefined();
    expect(acknowledgementIn({ type: 16, flags: 0, sequence: 1, body: new Uint8Array(20) })).toBeUndefined();
  });
});

function answer(sequence: number, error: number): Uint8Array {
  const bytes = new Uint8Array(36);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, 2, true);
  view.setUint32(8, sequence, true);
  view.setInt32(16, error, true);
  return bytes;
}
