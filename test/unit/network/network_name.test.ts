import { expect, test } from "bun:test";
import { NAME_RULE, nameProblem } from "../../../src/network/network_name.ts";
import { NET_WORDS, netWord } from "../../../src/spec/net_word.ts";

test("no network is called by a word of --net", () => {
  for (const word of NET_WORDS) {
    expect(nameProblem(word)).toBe(`--net ${word} means something else`);
    expect(nameProblem(`${word}-2`)).toBeUndefined();
    expect(nameProblem(`${word}:x`)).toBe(NAME_RULE);
  }
});

test("the word is what stands before a colon", () => {
  expect(["slirp", "fast:mtu=1500", "container:", "ns:/a:b", "none:"].map(netWord)).toEqual([
    "slirp",
    "fast",
    "container",
    "ns",
    "none",
  ]);
  expect(["", ":", "slirp-2", "nsx:/a", "lab:host", " host"].map(netWord)).toEqual(Array(6).fill(undefined));
});
