import { expect, test } from "bun:test";
import { BlockPool } from "../../../../src/net/tcp/block_pool.ts";
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
  const pool = new BlockPool({ blockSize: 16 << 10 });
  // Close to the end of 32 bits, so that every transfer wraps.
  const initialSequenceNumber = (0xffff_ffff - chance.below(100_000)) >>> 0;
  const settings = { pool, initialSequenceNumber, timestampOffset: 0xffff_ff00, ...chosen };
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

const MANY = 60;
const WEATHERS: Readonly<Record<string, Weather>> = {
  "1% loss": { loss: 10, doubling: 0, overtaking: 0, delay: 1, jitter: 0, uncut: 500 },
  "10% loss, doubled and late": { loss: 100, doubling: 50, overtaking: 100, delay: 1, jitter: 20, uncut: 300 },
  "much overtaking": { loss: 0, doubling: 10, overtaking: 500, delay: 2, jitter: 10, uncut: 0 },
  "30% loss": { loss: 300, doubling: 100, overtaking: 200, delay: 5, jitter: 50, uncut: 500 },
};

for (const [name, weather] of Object.entries(WEATHERS)) {
  const bytes = weather.loss > 100 ? 100_000 : 700_000;
  test(`${name}: ${MANY} transfers both ways arrive whole and close`, () => {
    const times = [];
    for (let seed = 1; seed <= MANY; seed++) {
      const habits: [Habits, Habits] = [
        { ...EAGER, bytes, stalls: 20, pause: 30 },
        { ...EAGER, bytes: (bytes / 3) | 0, stalls: 20, pause: 30, answers: seed % 2 === 0 },
      ];
      times.push(Math.round(transfer({ seed, weather, habits }).took));
    }
    console.log(
      name,
      times.sort((a, b) => a - b).filter((_, i) => i % 10 === 0 || i === MANY - 1),
    );
  });
}
