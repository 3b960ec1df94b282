import { expect, test } from "bun:test";
import { type Progress, progressReporter } from "../../../rootfs-builder/progress.ts";

const OBJECT = "alpine:3.22.6";
const RUN: readonly Progress[] = [
  { kind: "waiting", object: OBJECT },
  { kind: "download", object: OBJECT, bytes: 1_000_000, total: 4_000_000 },
  { kind: "download", object: OBJECT, bytes: 1_100_000, total: 4_000_000 },
  { kind: "download", object: OBJECT, bytes: 4_000_000, total: 4_000_000 },
  { kind: "unpack", object: OBJECT },
  { kind: "finished" },
];

function report(terminal: boolean, columns: number, steps: readonly Progress[], clock: () => number): string[] {
  const written: string[] = [];
  const tell = progressReporter({ terminal, columns, write: (text) => written.push(text), now: clock });
  for (const step of steps) tell(step);
  return written;
}

test("off a terminal there is one line a stage", () => {
  expect(report(false, 80, RUN, () => 0)).toEqual([
    "Waiting for another process that unpacks alpine:3.22.6\n",
    "Downloading alpine:3.22.6, 4.0 MB\n",
    "Unpacking alpine:3.22.6\n",
  ]);
});

test("on a terminal there is a bar, and nothing is left of it", () => {
  let time = 0;
  const lines = report(true, 100, RUN, () => (time += 1000));
  expect(lines[1]).toBe("\r\x1b[Kalpine:3.22.6  [########----------------------] 25 %  1.0 MB of 4.0 MB");
  expect(lines[3]).toContain("[##############################] 100 %");
  expect(lines.at(-1)).toBe("\r\x1b[K");
  expect(lines.join("")).not.toContain("\n");
});

test("a terminal is not drawn on for every chunk, but always for the last", () => {
  const lines = report(true, 100, RUN.slice(1, 4), () => 0);
  expect(lines.map((line) => /(\d+) %/.exec(line)?.[1])).toEqual(["25", "100"]);
});

test("a line is never wider than the terminal", () => {
  for (const line of report(true, 20, RUN, () => 0)) expect(line.replace("\r\x1b[K", "").length).toBeLessThan(20);
});

test("an unknown total is told without a bar", () => {
  const [line] = report(true, 80, [{ kind: "download", object: OBJECT, bytes: 1_000_000, total: undefined }], () => 0);
  expect(line).toBe("\r\x1b[Kalpine:3.22.6  1.0 MB");
});
