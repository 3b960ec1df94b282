#!/usr/bin/env zx
// Everything that must hold before a commit lands: format and lint, types, direction of imports, and who may speak to the kernel.
import { $, chalk, fs, glob, path } from "zx";

$.verbose = false;
process.chdir(path.resolve(import.meta.dirname, ".."));

/** A room may import from the rooms of its own line and of those below. `base`, `ffi` and itself are always allowed. */
const MAY_IMPORT = {
  base: [],
  ffi: [],
  spec: [],
  seccomp: [],
  host: ["spec"],
  plan: ["netlink", "net/wire", "spec"],
  launch: ["plan", "spec"],
  report: ["cgroup", "launch", "plan", "host", "spec"],
  netlink: [],
  "net/wire": [],
  "net/tcp": ["net/wire"],
  "net/dns": ["net/wire"],
  "net/policy": ["net/wire"],
  "net/device": ["net/wire", "netlink"],
  "net/outbound": ["net/wire"],
  "net/flow": ["net/wire", "net/tcp", "net/dns", "net/policy", "net/device", "net/outbound"],
  "net/fast": ["net/flow", "net/wire"],
  cgroup: ["host", "spec"],
  state: ["net/wire"],
  supervisor: [
    "net/fast",
    "net/flow",
    "net/device",
    "net/dns",
    "net/policy",
    "net/wire",
    "state",
    "launch",
    "plan",
    "spec",
  ],
  network: [
    "net/flow",
    "net/tcp",
    "net/device",
    "net/dns",
    "net/policy",
    "net/wire",
    "netlink",
    "supervisor",
    "launch",
    "plan",
    "spec",
  ],
  "rootfs-builder": [],
  cli: [
    "net/dns",
    "net/policy",
    "net/outbound",
    "net/wire",
    "report",
    "network",
    "supervisor",
    "cgroup",
    "state",
    "launch",
    "plan",
    "seccomp",
    "host",
    "spec",
    "rootfs-builder",
  ],
  main: ["cli", "report"],
};
/** Rooms that run on any system, without a kernel to talk to: of ffi they may use what touches none. */
const PURE = ["spec", "plan", "seccomp", "netlink", "net/wire", "net/tcp", "net/dns", "net/policy"];
const PURE_FFI = ["ffi/errno.ts", "ffi/struct.ts"];

function roomOf(file) {
  const [top, second, third] = file.split("/");
  if (top !== "src") return top;
  if (second === "net") return `net/${third}`;
  return second === "main.ts" ? "main" : second;
}

function importsOf(text) {
  const statement = /^\s*(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|import\("([^"]+)"\)/gm;
  return [...text.matchAll(statement)].map((match) => ({ type: Boolean(match[1]), target: match[2] ?? match[3] }));
}

function problemsOf(file, text) {
  const room = roomOf(file);
  return importsOf(text).flatMap(({ type, target }) => {
    if (target === "bun:ffi") return room === "ffi" ? [] : [`${file}: only ffi/ may import bun:ffi`];
    if (!target.startsWith(".")) return [];
    const resolved = path.relative(".", path.resolve(path.dirname(file), target));
    const other = roomOf(resolved);
    if (other === "ffi" && PURE.includes(room) && !type && !PURE_FFI.includes(resolved))
      return [`${file}: ${room}/ is pure and may not import ${resolved}`];
    if (other === room || other === "base" || other === "ffi" || resolved === "package.json") return [];
    if (MAY_IMPORT[room] === undefined) return [`${file}: no such room in scripts/check.mjs: ${room}`];
    return MAY_IMPORT[room].includes(other) ? [] : [`${file}: ${room}/ may not import ${other}/ (${target})`];
  });
}

const files = await glob(["src/**/*.ts", "ffi/**/*.ts", "rootfs-builder/**/*.ts"]);
const problems = files.flatMap((file) => problemsOf(file, fs.readFileSync(file, "utf8")));
for (const problem of problems) console.error(chalk.red(problem));
console.log(`imports: ${files.length} files, ${problems.length} problems`);

const steps = [$`node_modules/.bin/biome check .`, $`node_modules/.bin/tsc -p . --noEmit`];
let failed = problems.length > 0;
for (const step of steps) {
  const { exitCode, stdout, stderr } = await step.nothrow();
  failed ||= exitCode !== 0;
  console.log(exitCode === 0 ? stdout.trim() || "types: no problems" : stdout + stderr);
}
process.exit(failed ? 1 : 0);
