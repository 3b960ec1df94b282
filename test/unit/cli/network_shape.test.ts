import { expect, test } from "bun:test";
import { parseNetDelay, parseNetLoss, parseNetRate } from "../../../src/cli/parse/network_shape.ts";

test.each([
  ["up=8kbit", { up: 1000 }],
  ["down=1gbit,up=10Mbit", { down: 125_000_000, up: 1_250_000 }],
  ["up=1.5mbit", { up: 187_500 }],
])("--net-rate %s", (text, rates) => expect(parseNetRate("--net-rate", text)).toEqual(rates));

test.each(["", "10mbit", "up=", "up=-1", "up=1mbit,up=2mbit", "up=1mb", "sideways=1mbit", "up=1bit", "up=1e9"])(
  "--net-rate %p is refused",
  (text) => expect(() => parseNetRate("--net-rate", text)).toThrow("--net-rate"),
);

test.each([
  ["50ms", 50],
  ["1.5s", 1500],
  ["500us", 0.5],
  ["0ms", 0],
])("--net-delay %s", (text, milliseconds) => expect(parseNetDelay("--net-delay", text)).toBe(milliseconds));

test.each(["", "50", "61s", "-1ms", "ms", "1h"])("--net-delay %p is refused", (text) =>
  expect(() => parseNetDelay("--net-delay", text)).toThrow("--net-delay"),
);

test.each([
  ["1%", 0.01],
  ["0.5%", 0.005],
  ["100%", 1],
])("--net-loss %s", (text, share) => expect(parseNetLoss("--net-loss", text)).toBe(share));

test.each(["", "1", "101%", "-1%", "%"])("--net-loss %p is refused", (text) =>
  expect(() => parseNetLoss("--net-loss", text)).toThrow("--net-loss"),
);
