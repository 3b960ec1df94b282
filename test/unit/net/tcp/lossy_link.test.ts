import { expect, test } from "bun:test";
import { BlockPool } from "../../../../src/net/tcp/block_pool.ts";
import type { TcpOptions } from "../../../../src/net/wire/tcp.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";
import { type Habits, Host } from "./support/host.ts";
import { LossyLink, type Weather } from "./support/lossy_link.ts";
import { type Chosen, endpoint } from "./support/settings.ts";

const FAIR: Weather = { loss: 0, doubling: 0, overtaking: 0, delay: 0.2, jitter: 0, uncut: 1000 };
const EAGER: Habits = { bytes: 4 << 20, appetite: 1 << 20, stalls: 0, pause: 0, answers: false };
const DAY = 86_400_000;

type Trial = {
  readonly seed: number;
  readonly weather: Weather;
  readonly habits: readonly [Habits, Habits];
  readonly chosen?: Chosen;
};

/** Every byte, in order, once, and both ends closed: what a host throws or these find fails the test. */
function transfer({ seed, weather, habits, chosen = {} }: Trial): { took: number; segments: number } {
  const chance = random(seed);
  const { pool = new BlockPool({ blockSize: 16 << 10 }) } = chosen;
  // Close to the end of 32 bits, so that every transfer wraps.
  const initialSequenceNumber = (0xffff_ffff - chance.below(100_000)) >>> 0;
  const settings = { initialSequenceNumber, timestampOffset: 0xffff_ff00, ...chosen, pool };
  const client = new Host(endpoint({ ...settings, localPort: 4000, remotePort: 80 }), habits[0], chance);
  const server = new Host(endpoint(settings), habits[1], chance);
  const link = new LossyLink(chance, weather);
  client.connect(link.now);
  const isClosed = (): boolean => [client, server].every((host) => host.connection()?.isClosed);
  link.run([client, server], isClosed, DAY);
  const reasons = [client, server].map((host) => host.connection()?.closeReason);
  expect({ seed, reasons, received: [client.received, server.received] }).toEqual({
    seed,
    reasons: ["finished", "finished"],
    received: [habits[1].bytes, habits[0].bytes],
  });
  expect(pool.blocksTaken).toBe(0);
  expect(Math.max(client.largestQueue, server.largestQueue)).toBeLessThanOrEqual(chosen.receiveLimit ?? 1 << 20);
  return { took: link.now, segments: link.sent };
}

test("a clean link carries several megabytes both ways", () => {
  transfer({ seed: 1, weather: FAIR, habits: [EAGER, EAGER] });
});

const CLOUDY: Weather = { loss: 20, doubling: 10, overtaking: 50, delay: 1, jitter: 5, uncut: 500 };
const PEER_WITHOUT: readonly (keyof TcpOptions)[] = ["sackPermitted", "timestamps", "windowScale"];
const WEATHERS: Readonly<Record<string, Weather>> = {
  "1 % loss": { ...FAIR, loss: 10, delay: 1, uncut: 500 },
  "10 % loss, doubled and late": { loss: 100, doubling: 50, overtaking: 100, delay: 1, jitter: 20, uncut: 300 },
  "half overtaken": { loss: 0, doubling: 10, overtaking: 500, delay: 2, jitter: 10, uncut: 0 },
  "no selective acknowledgments": { ...CLOUDY, withheld: ["sackPermitted"] },
  "no timestamps": { ...CLOUDY, withheld: ["timestamps"] },
  "no options at all": { ...CLOUDY, withheld: [...PEER_WITHOUT, "maximumSegmentSize"] },
  "no window scale, on a slow link": { ...CLOUDY, delay: 50, withheld: ["windowScale"] },
};
const SEEDS = 40;

for (const [name, weather] of Object.entries(WEATHERS))
  test(`${name}: of ${SEEDS} transfers both ways every byte arrives, and both ends close`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const client = { ...EAGER, bytes: 600_000, stalls: 20, pause: 30 };
      const server = { ...client, bytes: 200_000, answers: seed % 2 === 0 };
      transfer({ seed, weather, habits: [client, server] });
    }
  });

test(`30 % loss: of ${SEEDS} transfers every byte arrives, and both ends close`, () => {
  const weather = { loss: 300, doubling: 100, overtaking: 200, delay: 5, jitter: 50, uncut: 100 };
  for (let seed = 1; seed <= SEEDS; seed++)
    transfer({
      seed,
      weather,
      habits: [
        { ...EAGER, bytes: 60_000 },
        { ...EAGER, bytes: 60_000 },
      ],
      chosen: { retries: 40, handshakeRetries: 40 },
    });
});

test("windows of a few hundred bytes and a reader that stops for seconds", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const habits = { ...EAGER, bytes: 20_000, appetite: 50, stalls: 10, pause: 5000 };
    const chosen = { receiveLimit: 100 + seed * 10, sendLimit: 300 + seed };
    transfer({ seed, weather: { ...CLOUDY, delay: 0.2 }, habits: [habits, { ...habits, answers: true }], chosen });
  }
});

test("a segment larger than the window it meets does not stall", () => {
  const chosen = { maximumSegmentSize: 65_480, receiveLimit: 40_000 };
  const { took } = transfer({ seed: 3, weather: FAIR, habits: [EAGER, { ...EAGER, bytes: 0 }], chosen });
  expect(took).toBeLessThan(1000 + 60_000 + 1000);
});

test("a pool that two connections exhaust stops neither for good", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const habits = { ...EAGER, bytes: 400_000, appetite: 3000, stalls: 100, pause: 20 };
    const pool = new BlockPool({ blockSize: 4096, limit: 12, cached: 4 });
    transfer({ seed, weather: CLOUDY, habits: [habits, habits], chosen: { pool } });
  }
});
