// Datagrams of one size travel together where both sides can, and each of them stays one.
import { describe, expect, test } from "bun:test";
import { DatagramBatch } from "../../../../ffi/datagram_batch.ts";
import type { Endpoint } from "../../../../ffi/sockaddr.ts";
import { setOption } from "../../../../ffi/socket.ts";
import { listenUdp, type UdpListener } from "../../../../src/net/outbound/udp_listener.ts";
import { parseUdp } from "../../../../src/net/wire/udp.ts";
import { testWhere } from "../../../support/test_where.ts";
import { loopback, noLoopback, opened } from "../outbound/loopback.ts";
import { FAMILIES, StackBench } from "./stack_bench.ts";

const into = new DatagramBatch(32, 65536);
const SOURCE_PORT = 4000;

/** Bytes that tell where they were. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => at * 7 + (at >> 8));
}

function cut(bytes: Uint8Array, sizes: readonly number[]): readonly Uint8Array[] {
  let at = 0;
  return sizes.map((size) => {
    at += size;
    return bytes.subarray(at - size, at);
  });
}

function heard(socket: UdpListener): readonly number[][] {
  const got: number[][] = [];
  socket.receive(32, (datagram) => got.push([...datagram]));
  return got;
}

/** Frames from the sandbox's port to one of the host's loopback, in one round. */
function say(bench: StackBench, at: Endpoint, datagrams: readonly Uint8Array[], segmentSize = 0): void {
  const { sandbox: source, gateway: destination } = FAMILIES[at.address.family];
  const ports = { sourcePort: SOURCE_PORT, destinationPort: at.port };
  for (const datagram of datagrams)
    bench.sandbox.udpSegments(
      { source, destination },
      ports,
      [datagram],
      datagram.length,
      segmentSize || datagram.length,
    );
  bench.turn();
}

for (const family of [4, 6] as const) {
  const where = testWhere(noLoopback(family));
  describe(`IPv${family}, to the host`, () => {
    for (const sizes of [[10], [10, 10], [10, 10, 3], [10, 3, 10], [3, 10, 10], [10, 0, 10], [0], [10, 10, 40_000, 10]])
      where(`datagrams of ${sizes} bytes arrive as they were, in order`, () => {
        using server = opened(listenUdp(loopback(family), into));
        using bench = new StackBench([], { mtu: 65_520, hostLoopback: true });
        const datagrams = cut(pattern(sizes.reduce((sum, size) => sum + size, 0)), sizes);
        say(bench, server.local, datagrams);
        expect(heard(server)).toEqual(datagrams.map((datagram) => [...datagram]));
      });

    for (const [size, length] of [
      [1000, 2500],
      [1000, 3000],
      [1, 5],
      [70, 71],
    ] as const)
      where(`a frame of ${length} bytes in datagrams of ${size} is that many`, () => {
        using server = opened(listenUdp(loopback(family), into));
        using bench = new StackBench([], { hostLoopback: true });
        const bytes = pattern(length);
        say(bench, server.local, [bytes], size);
        const sizes = Array.from({ length: Math.ceil(length / size) }, (_, i) => Math.min(size, length - i * size));
        expect(heard(server)).toEqual(cut(bytes, sizes).map((datagram) => [...datagram]));
      });

    where("sizes that the way has to cut go one by one, and so do those after them", () => {
      using server = opened(listenUdp(loopback(family), new DatagramBatch(32, 65536)));
      using bench = new StackBench([], { mtu: 65_520, hostLoopback: true });
      const datagrams = cut(pattern(132_000), [33_000, 33_000, 33_000, 33_000]);
      say(bench, server.local, datagrams);
      say(bench, server.local, [pattern(65_000)], 64_990);
      expect(heard(server).map(({ length }) => length)).toEqual([33_000, 33_000, 33_000, 33_000, 64_990, 10]);
    });
  });

  describe(`IPv${family}, to the sandbox`, () => {
    const sent = (sizes: readonly number[], { segmentsDatagrams = true, mtu = 1500, together = 0 } = {}) => {
      using server = opened(listenUdp(loopback(family), into));
      using bench = new StackBench([], { segmentsDatagrams, mtu, hostLoopback: true });
      say(bench, server.local, [pattern(1)]);
      let client: Endpoint | undefined;
      server.receive(1, (_, from) => {
        client = from;
      });
      if (client === undefined) throw new Error("a datagram was sent");
      const bytes = pattern(sizes.reduce((sum, size) => sum + size, 0));
      if (together > 0) server.send(bytes, { to: client }, together);
      else for (const datagram of cut(bytes, sizes)) server.send(datagram, { to: client });
      const frames = bench.turn();
      const payloads = frames.map(({ payload }) => parseUdp(payload)?.payload ?? new Uint8Array());
      expect(Buffer.concat(payloads).equals(bytes)).toBe(true);
      return frames.map(({ segmentSize }, i) => [payloads[i]?.length, segmentSize]);
    };

    where("those of one size that wait go as one frame, the last may be shorter", () => {
      expect(sent([100])).toEqual([[100, 0]]);
      expect(sent([100, 100, 100])).toEqual([[300, 100]]);
      expect(sent([100, 100, 30, 100])).toEqual([
        [230, 100],
        [100, 0],
      ]);
      expect(sent([100, 0, 0, 200, 100, 100])).toEqual([
        [100, 0],
        [0, 0],
        [0, 0],
        [300, 200],
        [100, 0],
      ]);
    });

    where("none is longer than a packet may be", () => {
      expect(sent(Array(9).fill(10_000), { mtu: 65_520 })).toEqual([
        [60_000, 10_000],
        [30_000, 10_000],
      ]);
    });

    where("each is a frame for a device that cannot", () => {
      expect(sent([100, 100, 30], { segmentsDatagrams: false })).toEqual([
        [100, 0],
        [100, 0],
        [30, 0],
      ]);
    });

    where("those that were sent as one are passed on as one", () => {
      expect(sent([1000, 1000, 500], { together: 1000 })).toEqual([[2500, 1000]]);
      expect(sent([1000, 1000, 500], { together: 1000, segmentsDatagrams: false })).toEqual([
        [1000, 0],
        [1000, 0],
        [500, 0],
      ]);
    });
  });
}

test("what came as one says how long each was", () => {
  using server = opened(listenUdp(loopback(4), into));
  using client = opened(listenUdp(loopback(4), into));
  setOption(server.fd, "UDP_GRO", 1);
  client.send(pattern(250), { to: server.local }, 100);
  client.send(pattern(100), { to: server.local });
  const got: number[][] = [];
  server.receive(9, ({ length }, _from, _to, segmentSize) => got.push([length, segmentSize]));
  expect(got).toEqual([
    [250, 100],
    [100, 0],
  ]);
});
