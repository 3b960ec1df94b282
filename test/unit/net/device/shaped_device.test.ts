import { describe, expect, test } from "bun:test";
import { ShapedDevice, type WireSettings } from "../../../../src/net/device/shaped_device.ts";
import { FakeDevice } from "../../../support/fake_device.ts";

const PLAIN: WireSettings = { rate: undefined, delay: 0, loss: 0 };
const HEADER = 12;

function shaped(up: Partial<WireSettings>, down: Partial<WireSettings> = {}, random: () => number = () => 0.5) {
  const inner = new FakeDevice();
  const clock = { now: 1000 };
  const wires = { up: { ...PLAIN, ...up }, down: { ...PLAIN, ...down } };
  const device = new ShapedDevice(inner, { ...wires, now: () => clock.now, random });
  return { inner, device, clock };
}

const frame = (size: number, first: number): Uint8Array => new Uint8Array(size).fill(first, 0, 1);

describe("a wire", () => {
  test("with a delay hands on what it carries that much later, in order, both ways", () => {
    const { inner, device, clock } = shaped({ delay: 50 }, { delay: 20 });
    inner.put(frame(100, 1));
    inner.put(frame(100, 2));
    expect(device.read()).toBeUndefined();
    expect(device.due).toBe(1050);
    clock.now = 1050;
    expect([device.read()?.[HEADER], device.read()?.[HEADER], device.read()]).toEqual([1, 2, undefined]);
    device.header.fill(7, HEADER, HEADER + 2);
    device.write(HEADER + 2, [Uint8Array.of(8, 9)]);
    expect(inner.written).toEqual([]);
    expect(device.due).toBe(1070);
    clock.now = 1070;
    device.read();
    expect(inner.written).toEqual([Uint8Array.of(7, 7, 8, 9)]);
    expect(device.due).toBeUndefined();
  });

  test("with a rate carries one frame after the other", () => {
    // 1000 bytes a second; frames of 88 bytes and 12 of virtio_net_hdr take 100 ms each.
    const { inner, device, clock } = shaped({ rate: 1000 });
    for (let i = 1; i <= 3; i++) inner.put(frame(88, i));
    device.read();
    const arrivals: number[] = [];
    for (; clock.now <= 1400; clock.now += 10) if (device.read() !== undefined) arrivals.push(clock.now);
    expect(arrivals).toEqual([1100, 1200, 1300]);
  });

  test("whose queue is full drops what comes", () => {
    const { inner, device } = shaped({}, { rate: 1000 });
    const taken = Array.from({ length: 20 }, () => device.write(HEADER, [new Uint8Array(60_000)]));
    // Half a megabyte may wait.
    expect(taken.filter(Boolean)).toHaveLength(9);
    expect(taken.at(-1)).toBe(false);
    expect(inner.written).toEqual([]);
  });

  test("that loses some frames loses that share of them, and no other", () => {
    let state = 1;
    const random = (): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) / 2 ** 24;
    };
    const { inner, device } = shaped({ loss: 0.1 }, {}, random);
    for (let i = 0; i < 5000; i++) inner.put(frame(20, 1));
    let arrived = 0;
    while (device.read() !== undefined) arrived++;
    expect(arrived).toBeGreaterThan(4400);
    expect(arrived).toBeLessThan(4600);
  });

  test("that is slow holds no more frames than it may", () => {
    const { inner, device, clock } = shaped({ delay: 60_000 });
    for (let i = 0; i < 20_000; i++) inner.put(frame(20, 1));
    device.read();
    clock.now += 60_000;
    let arrived = 0;
    while (device.read() !== undefined) arrived++;
    expect(arrived).toBe(16_384);
  });
});
