// The short way performs the very steps of the long one: both are made for this machine and this user, and compared step by step.
import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ERRNO } from "../../../ffi/errno.ts";
import { NO_REGISTER, STEP_BYTES } from "../../../ffi/launch.ts";
import { memoryAt, rawSyscall, SYSCALLS } from "../../../ffi/libc.ts";
import { runCommand } from "../../../src/cli/commands/run.table.ts";
import { expressArguments } from "../../../src/cli/express/express_arguments.ts";
import { expressHost } from "../../../src/cli/express/express_host.ts";
import { expressOverlay } from "../../../src/cli/express/express_overlay.ts";
import { addStart, type Express } from "../../../src/cli/express/express_run.ts";
import { PLAN_ADDRESS } from "../../../src/cli/express/plan_address.ts";
import { PREBUILT as HOST } from "../../../src/cli/express/prebuilt.ts";
import { PREBUILT as OVERLAY } from "../../../src/cli/express/prebuilt_overlay.ts";
import type { PlanLayout, PrebuiltPlan } from "../../../src/cli/express/prebuilt_plans.ts";
import { NUMBERS } from "../../../src/cli/express/specimens.ts";
import { parseArguments } from "../../../src/cli/parse/arguments.ts";
import { filtersOf } from "../../../src/cli/run_filter.ts";
import { buildSpec, folderRootfs, type ResolvedRootfs } from "../../../src/cli/run_spec.ts";
import { readHostView } from "../../../src/host/read_host_view.ts";
import { hostLookups } from "../../../src/host/read_lookups.ts";
import { commandCandidates } from "../../../src/launch/command_candidates.ts";
import { initArguments } from "../../../src/plan/init_arguments.ts";
import { plan } from "../../../src/plan/plan.ts";
import type { Argument, Bytes, Step } from "../../../src/plan/step.ts";
import { asRoot, testWhere } from "../../support/test_where.ts";

const ordinary = testWhere(asRoot());
const ENV = {
  HOME: "/home/tester",
  USER: "tester",
  PATH: "/usr/bin:/bin:/elsewhere",
  LANG: "C.UTF-8",
  TERM: "xterm",
  SECRET: "canary",
};
const STARTED = 4096;
const OWN_CALLS: Readonly<Record<string, number>> = {
  load: 0xffff0001,
  store: 0xffff0002,
  bound: 0xffff0003,
  place: 0xffff0004,
};

type Decoded = {
  readonly nr: number;
  readonly out: number;
  readonly registers: number;
  readonly tolerated: readonly number[];
  readonly skip: number;
  readonly args: readonly bigint[];
};

const view = (at: number, length: number): DataView => {
  const bytes = memoryAt(at, length);
  return new DataView(bytes.buffer, bytes.byteOffset, length);
};

function decode(at: number): Decoded {
  const step = view(at, STEP_BYTES);
  return {
    nr: step.getUint32(0, true),
    out: step.getUint16(4, true),
    registers: step.getUint16(6, true),
    tolerated: [8, 12, 16, 20].map((offset) => step.getInt32(offset, true)).filter((errno) => errno !== 0),
    skip: step.getUint32(72, true),
    args: [0, 1, 2, 3, 4, 5].map((i) => step.getBigUint64(24 + i * 8, true)),
  };
}

/** What a child would perform, by the segments that have been added. */
function performed({ layout }: PrebuiltPlan): readonly Decoded[] {
  const { slots }: PlanLayout = JSON.parse(layout);
  const steps: Decoded[] = [];
  const segments = view(PLAN_ADDRESS + (slots.segments ?? 0), 1024);
  for (let at = 0; at < 1024 && segments.getBigUint64(at, true) !== 0n; at += 16) {
    const [first, count] = [Number(segments.getBigUint64(at, true)), segments.getUint32(at + 8, true)];
    for (let i = 0; i < count; i++) steps.push(decode(first + i * STEP_BYTES));
  }
  return steps;
}

function textAt(at: bigint): string {
  const bytes = memoryAt(Number(at), 8192);
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}

function vectorAt(at: bigint): readonly string[] {
  const list: string[] = [];
  for (let i = 0; ; i++) {
    const pointer = view(Number(at) + i * 8, 8).getBigUint64(0, true);
    if (pointer === 0n) return list;
    list.push(textAt(pointer));
  }
}

/** What lies at `at`, with pointers replaced by what they lead to. */
function contentAt(at: bigint, { content, pointers = [] }: Bytes): unknown {
  const bytes = memoryAt(Number(at), content.length).slice();
  const targets = pointers.map(({ at: offset, to }) => {
    const pointer = new DataView(bytes.buffer).getBigUint64(offset, true);
    bytes.fill(0, offset, offset + 8);
    return typeof to === "string" ? textAt(pointer) : contentAt(pointer, to);
  });
  return [[...bytes], targets];
}

function contentOf({ content, pointers = [] }: Bytes): unknown {
  return [[...content], pointers.map(({ to }) => (typeof to === "string" ? to : contentOf(to)))];
}

/** [what the prebuilt step has, what the plan says], in one form. */
function compared(value: bigint, argument: Argument, names: ReadonlyMap<number, string>): readonly [unknown, unknown] {
  if (typeof argument === "number") return [BigInt.asIntN(64, value), BigInt(argument)];
  if (typeof argument === "string") return [textAt(value), argument];
  switch (argument.kind) {
    case "named":
      return [BigInt.asIntN(64, value), BigInt(argument.value)];
    case "register":
      return [names.get(Number(value)), argument.name];
    case "bytes":
      return [contentAt(value, argument), contentOf(argument)];
    case "inside":
      return [contentAt(value - BigInt(argument.at), argument.of), contentOf(argument.of)];
    case "strings":
      return [vectorAt(value), argument.list];
  }
}

function expectSame(found: readonly Decoded[], steps: readonly Step[]): void {
  const names = new Map<number, string>();
  expect(found.length).toBe(steps.length);
  steps.forEach((step, i) => {
    const { nr, registers, tolerated, skip, args, out } = found[i] as Decoded;
    const pairs = step.args.map((argument, j) => compared(args[j] ?? 0n, argument, names));
    if (step.out) names.set(out, step.out.name);
    expect({
      i,
      nr,
      tolerated,
      skip,
      out: out === NO_REGISTER,
      registers,
      args: pairs.map(([value]) => value),
    }).toEqual({
      i,
      nr: OWN_CALLS[step.call] ?? SYSCALLS[step.call as keyof typeof SYSCALLS],
      tolerated: (step.tolerate ?? []).map((name) => ERRNO[name]),
      skip: step.skip ?? 0,
      out: step.out === undefined,
      registers: step.args.reduce<number>(
        (bits, arg, j) => (typeof arg === "object" && arg.kind === "register" ? bits | (1 << j) : bits),
        0,
      ),
      args: pairs.map(([, value]) => value),
    });
  });
}

/** Does what express_run.ts does, but for the clone and the descriptors. */
function complete(express: Express, args: readonly string[]): void {
  express.memory.fill("started", STARTED);
  addStart(express);
  const env = express.complete(0) ?? [];
  const candidates = commandCandidates(args, env);
  express.memory.fillVector("argv", initArguments(NUMBERS.status, 0, candidates, args));
  express.memory.fillVector("envp", env);
  express.memory.add("end");
}

async function longWay(argv: readonly string[], rootfs: ResolvedRootfs): Promise<readonly Step[]> {
  const lookups = hostLookups(ENV);
  const { spec, directories } = buildSpec({
    parsed: parseArguments(runCommand, argv),
    rootfs,
    lookups,
    ranges: () => "none",
  });
  const inputs = {
    statusFd: NUMBERS.status,
    releaseFd: NUMBERS.release,
    parentOnly: [NUMBERS.statusRead],
    startedAddress: STARTED,
    initFd: NUMBERS.init,
    terminalFd: -1,
    networkFd: NUMBERS.network,
    filters: await filtersOf(spec),
    candidates: commandCandidates(spec.process.args, spec.process.env),
  };
  return plan(spec, { directories, uid: lookups.uid, gid: lookups.gid }, inputs).steps;
}

afterEach(() => {
  rawSyscall("munmap", PLAN_ADDRESS, 16 << 20);
});

describe("the short way", () => {
  const short = (argv: readonly string[]) => expressArguments(argv, 0) ?? expect.unreachable();

  for (const net of [[], ["--net", "none"], ["--net", "slirp"]]) {
    ordinary(`on the host's view: ${net.join(" ")}`, async () => {
      const argv = [...net, "-e", "MODE=fast", "-e", "SECRET", "--", "make", "-j2", "ä"];
      const express = expressHost(short(argv), ENV) ?? expect.unreachable();
      complete(express, ["make", "-j2", "ä"]);
      expectSame(
        performed(HOST.host ?? expect.unreachable()),
        await longWay(argv, { kind: "host", view: readHostView() }),
      );
    });

    ordinary(`in a folder, copy-on-write, with one id: ${net.join(" ")}`, async () => {
      const root = mkdtempSync(join(tmpdir(), "express-"));
      mkdirSync(join(root, "etc"));
      writeFileSync(join(root, "etc/passwd"), "admin:x:0:0::/admin:/bin/sh\n");
      const argv = [...net, "--userns", "single", "--rootfs", root, "sh"];
      const express = expressOverlay(short(argv), ENV) ?? expect.unreachable();
      complete(express, ["sh"]);
      expectSame(performed(OVERLAY.single ?? expect.unreachable()), await longWay(argv, folderRootfs(root)));
      rmSync(root, { recursive: true });
    });
  }
});

describe("command lines for the short way", () => {
  const cases: readonly (readonly string[])[] = [
    ["true"],
    ["--", "true", "--flag"],
    ["-e", "A=1", "-e", "B", "--net", "none", "sh", "-c", "x"],
    ["--rootfs", "alpine", "--userns", "single", "--store", "/s", "--", "a"],
    ["-e", "-v", "x"],
  ];
  for (const argv of cases)
    test(`${argv.join(" ")} is read as by the long way`, () => {
      expect(expressArguments(argv, 0)).toEqual(parseArguments(runCommand, argv));
    });

  const others: readonly (readonly string[])[] = [
    [],
    ["--"],
    ["-e"],
    ["-v", "/a:/b", "true"],
    ["--rootfs=alpine", "true"],
    ["docker://debian", "true"],
    ["--rootfs", "a", "--rootfs", "b", "true"],
    ["--help"],
    ["-t", "sh"],
    ["--constructor", "x", "y"],
  ];
  for (const argv of others)
    test(`${JSON.stringify(argv)} is left to the long way`, () => {
      expect(expressArguments(argv, 0)).toBeUndefined();
    });
});

describe("what is left to the long way", () => {
  const parsed = expressArguments(["true"], 0) ?? expect.unreachable();
  const leaves: readonly (readonly [string, Record<string, string>])[] = [
    ["no HOME", { USER: "u" }],
    ["HOME on a system folder", { HOME: "/usr/home", USER: "u" }],
    ["a HOME that ends in a slash", { HOME: "/home/u/", USER: "u" }],
    ["no USER", { HOME: "/home/u" }],
  ];
  for (const [name, env] of leaves)
    test(name, () => {
      expect(expressHost(parsed, env)).toBeUndefined();
    });

  test("a working folder that is the home folder", () => {
    const express = expressHost(parsed, { HOME: process.cwd(), USER: "u" });
    expect(express?.complete(0)).toBeUndefined();
  });
});
