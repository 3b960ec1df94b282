import { describe, expect, test } from "bun:test";
import { FaultError } from "../../../src/base/fault.ts";
import type { Command } from "../../../src/cli/command.ts";
import { parseArguments } from "../../../src/cli/parse/arguments.ts";
import { random } from "../seccomp/random.ts";
import { faultOf } from "./fault_of.ts";

const run: Command = {
  name: "run",
  summary: "",
  usage: "",
  description: [],
  passthrough: true,
  examples: [],
  flags: [
    { name: "--env", short: "-e", value: "NAME[=VALUE]", repeat: true, group: "", help: "" },
    { name: "--volume", short: "-v", value: "SRC:DST", repeat: true, group: "", help: "" },
    { name: "--rootfs", value: "ROOTFS", group: "", help: "" },
    { name: "--hostname", short: "-h", value: "NAME", group: "", help: "" },
    { name: "--net", value: "MODE", group: "", help: "" },
    { name: "--read-only", group: "", help: "" },
    { name: "--interactive", short: "-i", group: "", help: "" },
    { name: "--tty", short: "-t", group: "", help: "" },
    { name: "--help", group: "", help: "" },
  ],
};
const list: Command = { ...run, name: "list", passthrough: false };

const values = (argv: readonly string[], flag: string) => parseArguments(run, argv).values.get(flag);
const positionals = (argv: readonly string[]) => parseArguments(run, argv).positionals;
const switches = (argv: readonly string[]) => [...parseArguments(run, argv).switches].sort();

describe("a value is taken however it is attached", () => {
  const spellings = [
    ["--env", "A=b"],
    ["--env=A=b"],
    ["-e", "A=b"],
    ["-eA=b"],
    ["-e=A=b"],
    ["-ite", "A=b"],
    ["-iteA=b"],
  ];

  test.each(spellings.map((argv) => ({ argv })))("$argv", ({ argv }) => {
    expect(values([...argv, "true"], "--env")).toEqual(["A=b"]);
    expect(positionals([...argv, "true"])).toEqual(["true"]);
  });

  test.each(["", "-1", "--", "--tty", "a=b=c", "two\nlines", "=", " ", "-", "ü\u{1f600}"])(
    "as it stands: %j",
    (value) => {
      expect(values([`--env=${value}`], "--env")).toEqual([value]);
      expect(values(["--env", value], "--env")).toEqual([value]);
      expect(values(["-e", value], "--env")).toEqual([value]);
    },
  );

  test("values keep their order across spellings", () => {
    expect(values(["-eA", "--env=B", "--rootfs", "x", "--env", "C"], "--env")).toEqual(["A", "B", "C"]);
  });
});

describe("switches", () => {
  test("stand alone, in clusters, and may be repeated", () => {
    expect(switches(["--read-only", "-it", "-t"])).toEqual(["--interactive", "--read-only", "--tty"]);
  });

  test("take no value", () => {
    expect(faultOf(() => switches(["--read-only=false"]))).toEqual({
      exitCode: 2,
      what: "Cannot read the command line",
      cause: "--read-only takes no value",
      hint: "see: sandbox run --help",
    });
  });
});

describe("where the command begins", () => {
  test.each([
    [
      ["ls", "-la", "--env=A"],
      ["ls", "-la", "--env=A"],
    ],
    [
      ["-t", "ls", "--", "-v"],
      ["ls", "--", "-v"],
    ],
    [
      ["--", "ls", "--", "-v"],
      ["ls", "--", "-v"],
    ],
    [["-t", "--", "-x"], ["-x"]],
    [
      ["-", "-eA=b"],
      ["-", "-eA=b"],
    ],
    [
      ["", "-t"],
      ["", "-t"],
    ],
    [["--"], []],
    [[], []],
  ])("%j runs %j", (argv, command) => {
    expect(positionals(argv)).toEqual(command);
  });

  test("flags behind the command are the command's", () => {
    const parsed = parseArguments(run, ["-eA", "env", "-eB", "--tty"]);
    expect(parsed.values.get("--env")).toEqual(["A"]);
    expect([...parsed.switches]).toEqual([]);
  });

  test("a command that runs nothing takes its flags anywhere, up to --", () => {
    const parsed = parseArguments(list, ["one", "-t", "two", "--", "-i"]);
    expect(parsed.positionals).toEqual(["one", "two", "-i"]);
    expect([...parsed.switches]).toEqual(["--tty"]);
  });
});

describe("mistakes name the flag and what to do", () => {
  test.each([
    [["--hostnam", "x"], "there is no flag --hostnam", "did you mean --hostname?"],
    [["--readonly"], "there is no flag --readonly", "did you mean --read-only?"],
    [["--vol=/a"], "there is no flag --vol", "did you mean --volume?"],
    [["--network", "none"], "there is no flag --network", "did you mean --net?"],
    [["--quite-unlike"], "there is no flag --quite-unlike", "see: sandbox run --help"],
    [["--fo$o: bar"], "there is no flag --fo$o: bar", "see: sandbox run --help"],
    [["-x"], "there is no flag -x", "see: sandbox run --help"],
    [["-itx"], "there is no flag -x", "see: sandbox run --help"],
    [["--env"], "--env needs a value: --env NAME[=VALUE]", "see: sandbox run --help"],
    [["-h"], "--hostname needs a value: --hostname NAME", "see: sandbox run --help"],
    [["-ite"], "--env needs a value: --env NAME[=VALUE]", "see: sandbox run --help"],
    [["--rootfs", "a", "--rootfs=b"], "--rootfs is given 2 times", "give --rootfs once"],
  ])("%j: %s; %s", (argv, cause, hint) => {
    expect(faultOf(() => parseArguments(run, argv))).toEqual({
      exitCode: 2,
      what: "Cannot read the command line",
      cause,
      hint,
    });
  });
});

test("any words are parsed or refused with a fault, and what follows -- is never touched", () => {
  const { below, pick } = random(0x5eed);
  const pieces = ["-", "--", "=", "e", "env", "tty", "i", "rootfs", "x", "\n", "a b", ":", "constructor", "__proto__"];
  for (let round = 0; round < 20_000; round++) {
    const word = () => Array.from({ length: below(4) }, () => pick(pieces)).join("");
    const argv = Array.from({ length: below(5) }, word);
    const tail = ["--", "true", ...Array.from({ length: below(3) }, word)];
    try {
      const { positionals: rest } = parseArguments(run, [...argv, ...tail]);
      expect(rest.slice(1 - tail.length)).toEqual(tail.slice(1));
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      expect(error.fault.exitCode).toBe(2);
    }
  }
});
