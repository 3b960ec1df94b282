import { expect, test } from "bun:test";
import { Congestion } from "../../../../src/net/tcp/congestion.ts";

test("grows by what is acknowledged, up to twice its first window", () => {
  const congestion = new Congestion(10_000);
  congestion.acknowledged(4000, 1000);
  expect(congestion.window).toBe(14_000);
  congestion.acknowledged(10_000, 1000);
  expect(congestion.window).toBe(20_000);
});

test("a loss halves it, and from there it grows by a segment a round trip", () => {
  const congestion = new Congestion(10_000);
  congestion.lost(10_000, 1000);
  expect(congestion.window).toBe(5000);
  congestion.acknowledged(5000, 1000);
  expect(congestion.window).toBe(6000);
});

test("a timeout leaves one segment, from where it doubles up to half of what was under way", () => {
  const congestion = new Congestion(10_000);
  congestion.timedOut(8000, 1000, false);
  expect(congestion.window).toBe(1000);
  congestion.timedOut(1000, 1000, true);
  for (const acknowledged of [1000, 2000]) congestion.acknowledged(acknowledged, 1000);
  expect(congestion.window).toBe(4000);
  congestion.acknowledged(4000, 1000);
  expect(congestion.window).toBe(5000);
});

test("never falls below two segments for a loss", () => {
  const congestion = new Congestion(10_000);
  congestion.lost(1000, 1000);
  expect(congestion.window).toBe(2000);
});
