import { describe, expect } from "bun:test";
import { join } from "node:path";
import { ERRNO } from "../../../../ffi/errno.ts";
import { inNetNamespace, noNetNamespace, noTun } from "../../../support/net_namespace.ts";
import { testWhere } from "../../../support/test_where.ts";

const withTap = testWhere(noNetNamespace(), noTun());
const scenario = (name: string): unknown => inNetNamespace(join(import.meta.dir, "scenarios.ts"), name);

describe("TapDevice", () => {
  withTap("gives the kernel's ARP request, an empty virtio_net_hdr in front", () => {
    expect(scenario("arp")).toEqual({
      vnet: "00".repeat(12),
      arp: `ffffffffffff0200000000640806${"0001080006040001"}0200000000640a000264${"000000000000"}0a000202`,
    });
  });

  withTap("gives a datagram of 60,000 bytes as one frame whose checksum is still to be made", () => {
    expect(scenario("fromSocket")).toEqual({
      before: true,
      length: 12 + 14 + 20 + 8 + 60_000,
      // VIRTIO_NET_HDR_F_NEEDS_CSUM, no segmentation, csum_start 34: the UDP header, csum_offset 6.
      vnet: "010000000000220006000000",
      ethernet: "52550a0002020200000000640800",
      ports: [4444, 53],
      payload: true,
      after: true,
      framesRead: 1,
    });
  });

  withTap("writes headers and pieces of payload as one frame, which a socket gets", () => {
    const all = { written: true, empty: true, large: true };
    expect(scenario("toSocket")).toEqual({ ...all, text: "one two three", rest: [0, 60_000], from: 53, port: 4444 });
  });

  withTap("carries TCP super-segments both ways, neither cut nor summed", () => {
    expect(scenario("segments")).toEqual({
      sent: 14_600,
      flags: 1,
      gsoType: 1,
      gsoSize: 1460,
      checksumAt: [34, 16],
      several: true,
      written: true,
      received: 40_000,
      intact: true,
    });
  });

  withTap("counts what the device does not take, and tells when it has gone", () => {
    expect(scenario("drops")).toEqual({
      notAFrame: false,
      tooMany: false,
      down: false,
      failureBefore: 0,
      gone: true,
      failure: ERRNO.EBADFD,
      counters: { framesRead: 0, framesWritten: 0, framesDropped: 3 },
    });
  });

  withTap("closes once", () => {
    expect(scenario("close")).toContain("EBADF");
  });
});
