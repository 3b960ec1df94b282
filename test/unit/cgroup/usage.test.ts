import { describe, expect, test } from "bun:test";
import { oomOf, usageOf } from "../../../src/cgroup/usage.ts";
import { mutate, random } from "../host/random.ts";

const FILES: Readonly<Record<string, string>> = {
  "cpu.stat": "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\nnr_throttled 3\nthrottled_usec 500000\n",
  "memory.peak": "67108864\n",
  "memory.swap.peak": "0\n",
  "memory.events": "low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 0\n",
  "memory.events.local": "low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 0\n",
  "pids.peak": "20\n",
  "io.stat": "259:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:0 rbytes=5 wbytes=5 rios=1 wios=1\n",
  "cpu.pressure":
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9\n",
};
const read = (name: string): string | undefined => FILES[name];

describe("figures of a group", () => {
  test("are those of its files", () => {
    expect(usageOf(read)).toEqual({
      cpu: { userSeconds: 2, systemSeconds: 1, throttledSeconds: 0.5 },
      memory: { peak: 67_108_864, swapPeak: 0 },
      pids: { peak: 20 },
      io: { readBytes: 15, writtenBytes: 25, reads: 2, writes: 3 },
      pressure: { cpu: 1.5 },
      oomKills: 2,
    });
  });

  test("leave out what is not there", () => {
    expect(usageOf(() => undefined)).toEqual({});
  });

  test("are numbers, whatever the files say: 8,000 changed texts", () => {
    const next = random(0xf16);
    for (let round = 0; round < 1000; round++) {
      const files = Object.fromEntries(Object.entries(FILES).map(([name, text]) => [name, mutate(text, next)]));
      JSON.stringify(
        usageOf((name) => files[name]),
        (_, value) => {
          if (typeof value === "number") expect(value >= 0 && Number.isFinite(value)).toBe(true);
          return value;
        },
      );
    }
  });

  test("whose limit was reached", () => {
    const quiet = "oom 0\noom_kill 0\n";
    const events = (all: string, own: string) => (name: string) =>
      name === "memory.events" ? all : name === "memory.events.local" ? own : undefined;
    expect(oomOf(read)).toEqual({ kills: 2, limit: "own" });
    expect(oomOf(events("oom 1\noom_kill 1\n", quiet))).toEqual({ kills: 1, limit: "below" });
    expect(oomOf(events("oom 0\noom_kill 1\n", quiet))).toEqual({ kills: 1, limit: "above" });
    expect(oomOf(() => undefined).kills).toBe(0);
  });
});
