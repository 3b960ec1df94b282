import { expect, test } from "bun:test";
import { PcapDevice } from "../../../../src/net/device/pcap_device.ts";
import { FakeDevice } from "../../../support/fake_device.ts";

test("frames of both directions stand in the file as they pass, with their time", () => {
  const inner = new FakeDevice();
  const written: number[] = [];
  const device = new PcapDevice(inner, {
    write: (bytes) => written.push(...bytes),
    wallClock: () => 1_700_000_000_123.5,
  });
  inner.put(Uint8Array.of(1, 2, 3));
  expect(device.read()?.subarray(12)).toEqual(Uint8Array.of(1, 2, 3));
  expect(device.read()).toBeUndefined();
  device.header.set([9, 8], 12);
  expect(device.write(14, [Uint8Array.of(7), Uint8Array.of(6, 5)])).toBe(true);
  expect(inner.written).toEqual([Uint8Array.of(9, 8, 7, 6, 5)]);

  const view = new DataView(Uint8Array.from(written).buffer);
  const words = (at: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => view.getUint32(at + i * 4, true));
  // Magic, version 2.4, two zeros, snap length, LINKTYPE_ETHERNET.
  expect(words(0, 6)).toEqual([0xa1b2c3d4, 0x0004_0002, 0, 0, 262_144, 1]);
  expect(words(24, 4)).toEqual([1_700_000_000, 123_500, 3, 3]);
  expect(written.slice(40, 43)).toEqual([1, 2, 3]);
  expect(words(43, 4).slice(2)).toEqual([5, 5]);
  expect(written.slice(59)).toEqual([9, 8, 7, 6, 5]);
  inner.close();
});
