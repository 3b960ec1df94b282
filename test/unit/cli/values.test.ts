import { describe, expect, test } from "bun:test";
import {
  checkIdMappings,
  parseChoice,
  parseHostname,
  parseIdMapping,
  parseInsidePath,
  parseInteger,
  parseSize,
  parseTimeOffset,
  parseUlimit,
  parseUmask,
} from "../../../src/cli/parse/values.ts";
import { faultOf } from "./fault_of.ts";

const UNLIMITED = Number.POSITIVE_INFINITY;

function refuses(name: string, parse: (text: string) => unknown, texts: readonly string[]): void {
  test.each(texts)(`${name} refuses %j`, (text) => {
    const { exitCode, what } = faultOf(() => parse(text));
    expect(exitCode).toBe(2);
    expect(what).toStartWith("Cannot use --flag");
  });
}

describe("parseSize() reads bytes", () => {
  test.each([
    ["1", 1],
    ["4096", 4096],
    ["4096b", 4096],
    ["1k", 1024],
    ["1K", 1024],
    ["64m", 64 * 2 ** 20],
    ["64MB", 64 * 2 ** 20],
    ["1.5GiB", 1.5 * 2 ** 30],
    ["2t", 2 * 2 ** 40],
  ])("%s is %d", (text, bytes) => {
    expect(parseSize("--flag", text)).toBe(bytes);
  });
  const bad = ["", "0", "0m", "-1", "m", "1x", "1bb", "5ib", "1e3", " 1", "1 m", "1.m", ".5m", "1kk", "999999999t"];
  refuses("it", (text) => parseSize("--flag", text), bad);
});

describe("parseInteger() reads a decimal number in bounds", () => {
  test.each([
    ["-20", -20],
    ["0", 0],
    ["-0", 0],
    ["19", 19],
    ["007", 7],
  ])("%s is %d", (text, value) => {
    expect(parseInteger("--flag", text, -20, 19)).toBe(value);
  });
  const bad = ["", "-21", "20", "+1", "1.0", "0x1", "1e1", "one", " 1", "99999999999999999999"];
  refuses("it", (text) => parseInteger("--flag", text, -20, 19), bad);
});

describe("parseUmask() reads octal", () => {
  test.each([
    ["022", 0o22],
    ["0022", 0o22],
    ["0", 0],
    ["77", 0o77],
    ["777", 0o777],
  ])("%s is %d", (text, mask) => {
    expect(parseUmask("--flag", text)).toBe(mask);
  });
  refuses("it", (text) => parseUmask("--flag", text), ["", "8", "1777", "00022", "u=rwx", "-1"]);
});

describe("parseIdMapping() reads INSIDE:OUTSIDE:COUNT", () => {
  test.each([
    ["0:1000:1", { containerID: 0, hostID: 1000, size: 1 }],
    ["0 100000 65536", { containerID: 0, hostID: 100000, size: 65536 }],
    ["0:0:4294967295", { containerID: 0, hostID: 0, size: 4294967295 }],
  ])("%s", (text, mapping) => {
    expect(parseIdMapping("--flag", text)).toEqual(mapping);
  });
  const bad = ["", "0", "0:1", "0:1:0", "0:1:1:1", "a:1:1", "-1:0:1", "0::1", "0:1:4294967295", "4294967295:0:1"];
  refuses("it", (text) => parseIdMapping("--flag", text), bad);
});

describe("checkIdMappings() refuses what the kernel answers with EINVAL", () => {
  const map = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });

  test("ranges side by side are fine, in any order", () => {
    checkIdMappings("--flag", [map(10, 110, 5), map(0, 100, 10), map(15, 0, 1)]);
  });

  test("an overlap inside is named", () => {
    const { cause } = faultOf(() => checkIdMappings("--flag", [map(5, 1000, 1), map(0, 100, 10)]));
    expect(cause).toBe("the ranges from 0 and from 5 overlap inside");
  });

  test("an overlap outside is named", () => {
    const { cause } = faultOf(() => checkIdMappings("--flag", [map(0, 100, 10), map(50, 109, 1)]));
    expect(cause).toBe("the ranges from 100 and from 109 overlap outside");
  });

  test("340 lines are the most", () => {
    const lines = Array.from({ length: 341 }, (_, id) => map(id, id, 1));
    checkIdMappings("--flag", lines.slice(1));
    expect(faultOf(() => checkIdMappings("--flag", lines)).cause).toBe("341 mappings; the kernel takes 340");
  });
});

describe("parseUlimit() reads NAME=SOFT[:HARD]", () => {
  test.each([
    ["nofile=1024", { type: "RLIMIT_NOFILE", soft: 1024, hard: 1024 }],
    ["NOFILE=1024:4096", { type: "RLIMIT_NOFILE", soft: 1024, hard: 4096 }],
    ["core=0", { type: "RLIMIT_CORE", soft: 0, hard: 0 }],
    ["stack=unlimited", { type: "RLIMIT_STACK", soft: UNLIMITED, hard: UNLIMITED }],
    ["stack=Unlimited", { type: "RLIMIT_STACK", soft: UNLIMITED, hard: UNLIMITED }],
    ["as=1:-1", { type: "RLIMIT_AS", soft: 1, hard: UNLIMITED }],
  ] as const)("%s", (text, limit) => {
    expect(parseUlimit("--flag", text)).toEqual(limit);
  });
  const bad = ["", "nofile", "nofile=", "files=1", "nofile=2:1", "nofile=-1:5", "nofile=1:2:3", "nofile=-2"];
  refuses("it", (text) => parseUlimit("--flag", text), [...bad, "nofile=1k", "as=99999999999999999999"]);
});

describe("parseTimeOffset() reads a clock and seconds, the nanoseconds counting upwards", () => {
  test.each([
    ["monotonic=3600", ["monotonic", { secs: 3600, nanosecs: 0 }]],
    ["boottime=5s", ["boottime", { secs: 5, nanosecs: 0 }]],
    ["boottime=-1.5", ["boottime", { secs: -2, nanosecs: 500000000 }]],
    ["boottime=-0.000000001", ["boottime", { secs: -1, nanosecs: 999999999 }]],
    ["monotonic=-0", ["monotonic", { secs: 0, nanosecs: 0 }]],
    ["monotonic=-7", ["monotonic", { secs: -7, nanosecs: 0 }]],
    ["monotonic=4611686018.123456789", ["monotonic", { secs: 4611686018, nanosecs: 123456789 }]],
  ] as const)("%s", (text, [clock, offset]) => {
    expect(parseTimeOffset("--flag", text)).toEqual([clock, offset]);
  });
  const bad = ["", "monotonic", "monotonic=", "realtime=1", "monotonic=1h", "monotonic=1.", "boottime=.5"];
  refuses("it", (text) => parseTimeOffset("--flag", text), [...bad, "boottime=1.0000000001", "boottime=4611686019"]);
});

describe("parseChoice() takes the words that it lists", () => {
  test("and nothing else, saying which", () => {
    expect(parseChoice("--flag", "host", ["none", "host"])).toBe("host");
    const { cause } = faultOf(() => parseChoice("--flag", "Host", ["none", "host"]));
    expect(cause).toBe("it takes one of none, host");
  });
});

describe("parseHostname() takes what the kernel and RFC 1123 take", () => {
  test.each(["a", "A-1.example_x", "x".repeat(64)])("%s", (text) => {
    expect(parseHostname("--flag", text)).toBe(text);
  });
  refuses("it", (text) => parseHostname("--flag", text), ["", "-a", "a-", "a b", "a/b", "ä", "a\n", "x".repeat(65)]);
});

describe("parseInsidePath() makes absolute paths plain", () => {
  test.each([
    ["/", "/"],
    ["/a", "/a"],
    ["//a///b/./c/", "/a/b/c"],
    ["/..a/b..", "/..a/b.."],
  ])("%s is %s", (text, path) => {
    expect(parseInsidePath("--flag", text)).toBe(path);
  });
  refuses("it", (text) => parseInsidePath("--flag", text), ["", ".", "a/b", "/a/../b", "/..", "/a\0b"]);
});
