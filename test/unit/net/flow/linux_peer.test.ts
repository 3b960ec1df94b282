// Our TCP against Linux's over a bad wire: every byte arrives, in order, once, in both directions of every connection, and nothing is left
// of it at our end. What the wire does to which frame is chosen by a seed; when frames come is the kernel's.
import { describe, expect } from "bun:test";
import { join } from "node:path";
import type { FaultCounts, Faults } from "../../../support/faulty_device.ts";
import { noNetNamespace, noTun } from "../../../support/net_namespace.ts";
import { absent, testWhere } from "../../../support/test_where.ts";
import type { KernelOption, LinuxOutcome, LinuxTrial } from "./linux_peer.ts";

const withLinux = testWhere(noNetNamespace(), noTun(), absent("python3"));
const PROGRAM = join(import.meta.dir, "linux_peer.ts");
const LIMIT = 120_000;
/** Trials side by side: they wait for timers, mostly. */
const ABREAST = 16;

const CLOUDY: Faults = {
  loss: 20,
  doubling: 20,
  delay: 1,
  overtaking: 100,
  jitter: 5,
  uncut: 200,
  losesEdges: false,
};
const PAIRS = ([4, 6] as const).flatMap((family) => (["linux", "ours"] as const).map((opener) => ({ family, opener })));

async function perform(trial: LinuxTrial): Promise<LinuxOutcome> {
  const argv = ["unshare", "-Urn", process.execPath, PROGRAM, JSON.stringify(trial)];
  const child = Bun.spawn(argv, { stdout: "pipe", stderr: "pipe", timeout: LIMIT - 10_000, killSignal: "SIGKILL" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`${JSON.stringify(trial)}:\n${stderr}${stdout}`);
  return JSON.parse(stdout);
}

/** The sum of what all wires did. */
async function performAll(trials: readonly LinuxTrial[]): Promise<FaultCounts> {
  const total = { frames: 0, cut: 0, lost: 0, edges: 0, doubled: 0, overtaken: 0 };
  const queue = trials.values();
  const worker = async (): Promise<void> => {
    for (const trial of queue)
      for (const counts of Object.values((await perform(trial)).counts))
        for (const name of Object.keys(total) as (keyof FaultCounts)[]) total[name] += counts[name];
  };
  await Promise.all(Array.from({ length: ABREAST }, worker));
  return total;
}

describe("Linux at the other end", () => {
  const KERNELS: Readonly<Record<string, readonly KernelOption[]>> = {
    "with all its options": [],
    "without SACK": ["tcp_sack"],
    "without timestamps": ["tcp_timestamps"],
    "without window scaling": ["tcp_window_scaling"],
    "without any of them": ["tcp_sack", "tcp_timestamps", "tcp_window_scaling"],
  };
  const MTUS = [1280, 1500, 65520];
  const COUNT = PAIRS.length * MTUS.length;

  for (const [name, without] of Object.entries(KERNELS))
    withLinux(
      `${name}: ${COUNT} seeds, both families, whoever dials, packets of ${MTUS.join(", ")}`,
      async () => {
        const trials = MTUS.flatMap((mtu) => PAIRS.map((pair) => ({ ...pair, mtu })));
        const common = { faults: CLOUDY, without, connections: 4, bytes: [250_000, 200_000] } as const;
        const done = await performAll(trials.map((trial, seed) => ({ ...common, ...trial, seed })));
        for (const what of ["lost", "doubled", "overtaken", "cut"] as const)
          expect([what, done[what] > COUNT]).toEqual([what, true]);
      },
      LIMIT,
    );
});

describe("a wire that", () => {
  type Weather = { readonly faults: Faults; readonly mtu: number; readonly bytes: readonly [number, number] };
  const CLEAR: Faults = { loss: 0, doubling: 0, delay: 1, overtaking: 0, jitter: 0, uncut: 0, losesEdges: false };
  const WEATHERS: Readonly<Record<string, Weather>> = {
    "loses the first SYN, SYN|ACK and FIN of every connection": {
      faults: { ...CLEAR, losesEdges: true },
      mtu: 1500,
      bytes: [100_000, 100_000],
    },
    "loses one in ten, and doubles and delays what it likes": {
      faults: { ...CLEAR, loss: 100, doubling: 100, overtaking: 200, jitter: 20, uncut: 100 },
      mtu: 1500,
      bytes: [40_000, 30_000],
    },
    "lets half of all be overtaken, by 20 ms": {
      faults: { ...CLEAR, overtaking: 500, jitter: 20 },
      mtu: 1500,
      bytes: [800_000, 800_000],
    },
    "doubles half of all, late": {
      faults: { ...CLEAR, doubling: 500, overtaking: 300, jitter: 10 },
      mtu: 1500,
      bytes: [800_000, 800_000],
    },
    "loses one in twenty super-segments, whole": {
      faults: { ...CLEAR, loss: 50, uncut: 1000 },
      mtu: 65520,
      bytes: [2_000_000, 2_000_000],
    },
    "takes 60 ms": {
      faults: { ...CLOUDY, loss: 5, delay: 30 },
      mtu: 1500,
      bytes: [500_000, 500_000],
    },
  };
  const SEEDS = 2;

  for (const [name, weather] of Object.entries(WEATHERS))
    withLinux(
      `${name}: ${SEEDS * PAIRS.length} seeds, both families, whoever dials`,
      async () => {
        const trials = Array.from({ length: SEEDS }, () => PAIRS).flat();
        const common = { ...weather, without: [], connections: 3 };
        const done = await performAll(trials.map((pair, seed) => ({ ...common, ...pair, seed: 100 + seed })));
        const { loss, doubling, overtaking, uncut, losesEdges } = weather.faults;
        expect([done.lost > 0, done.doubled > 0, done.overtaken > 0]).toEqual([loss > 0, doubling > 0, overtaking > 0]);
        expect(done.cut > 0).toBe(uncut < 1000);
        // A SYN and a FIN, in each direction.
        expect(done.edges).toBe(losesEdges ? 4 * common.connections * trials.length : 0);
      },
      LIMIT,
    );
});
