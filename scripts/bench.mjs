#!/usr/bin/env zx
// Start-up and memory, beside the peers that are installed, in one interleaved run. As an ordinary user: that is what it is for.
//
//   npm run bench [-- ROUNDS]      default 60
import { spawn } from "node:child_process";
import { arch, tmpdir, userInfo } from "node:os";
import { $, argv, chalk, fs, path, which } from "zx";

$.verbose = false;
const root = path.resolve(import.meta.dirname, "..");
const rounds = Number(argv._[0] ?? 60);
const [WARM_UP, GAP_MS] = [3, 8];
const sandbox = path.join(root, "dist/sandbox");
const bench = path.join(root, "test/bench");
const work = fs.mkdtempSync(path.join(tmpdir(), "sandbox-bench-"));

if (userInfo().uid === 0 && !process.env.SANDBOX_BENCH_AS_ROOT) {
  console.error("bench: run this as an ordinary user (or set SANDBOX_BENCH_AS_ROOT=1 to see what it is worth as root)");
  process.exit(2);
}
if (!fs.existsSync(sandbox)) {
  console.error("bench: dist/sandbox is missing: npm run build");
  process.exit(2);
}

async function compile(name, ...flags) {
  const out = path.join(work, name);
  await $`cc -O2 ${flags} -o ${out} ${bench}/${name}.c`;
  return out;
}

/** Bun's own empty program: what every compiled program pays before its first line. */
async function emptyProgram() {
  const out = path.join(work, "empty");
  fs.writeFileSync(path.join(work, "empty.ts"), "process.exit(0)\n");
  await $`${root}/node_modules/.bin/bun build --compile --minify --bytecode ${work}/empty.ts --outfile ${out}`;
  return out;
}

/** The least root file system: a static program under the names that are run. */
async function smallRoot() {
  const folder = path.join(work, "rootfs");
  for (const name of ["bin", "proc", "dev", "sys", "tmp", "etc", "run"]) fs.mkdirpSync(path.join(folder, name));
  await $`cc -O2 -static -o ${folder}/bin/true ${bench}/sleep_or_true.c`;
  fs.copySync(path.join(folder, "bin/true"), path.join(folder, "bin/sleep"));
  return folder;
}

/** crun wants a bundle, and refuses hosts that mix control groups 1 and 2. */
async function crunRow(rootfs) {
  const crun = await which("crun", { nothrow: true });
  if (!crun) return undefined;
  const bundle = path.join(work, "bundle");
  fs.mkdirpSync(bundle);
  await $({ cwd: bundle })`${crun} spec --rootless`;
  const config = fs.readJsonSync(path.join(bundle, "config.json"));
  config.process.terminal = false;
  config.process.args = ["/bin/true"];
  config.root.path = rootfs;
  config.linux.namespaces = [...config.linux.namespaces.filter(({ type }) => type !== "network"), { type: "network" }];
  delete config.linux.resources;
  fs.writeJsonSync(path.join(bundle, "config.json"), config);
  const row = [
    "crun run",
    crun,
    "--root",
    path.join(work, "crun"),
    "--cgroup-manager=disabled",
    "run",
    "-b",
    bundle,
    "bench-crun",
  ];
  const { exitCode, stderr } = await $`${row.slice(1)}`.nothrow();
  if (exitCode === 0) return row;
  console.log(`crun is left out: ${stderr.trim().split("\n").at(-1)}`);
  return undefined;
}

async function rows(rootfs) {
  const all = [
    ["Bun, empty program", await emptyProgram()],
    ["the least work, in C", await compile("floor", "-static"), rootfs, "/bin/true"],
  ];
  const unshare = await which("unshare", { nothrow: true });
  if (unshare)
    all.push(["unshare, all namespaces", unshare, "-Urmpinuf", "-C", "--mount-proc", path.join(rootfs, "bin/true")]);
  const bwrap = await which("bwrap", { nothrow: true });
  const program = path.join(rootfs, "bin/true");
  if (bwrap)
    all.push([
      "bwrap --unshare-all",
      bwrap,
      "--unshare-all",
      "--ro-bind",
      "/",
      "/",
      "--proc",
      "/proc",
      "--dev",
      "/dev",
      program,
    ]);
  const crun = await crunRow(rootfs);
  if (crun) all.push(crun);
  const run = [sandbox, "run"];
  all.push(["sandbox, host's view", ...run, "--", program]);
  all.push(["sandbox, host's view, no network", ...run, "--net", "none", "--", program]);
  all.push(["sandbox, overlay, one id", ...run, "--userns", "single", "--rootfs", rootfs, "--", "/bin/true"]);
  all.push(["sandbox, overlay, range", ...run, "--userns", "range", "--rootfs", rootfs, "--", "/bin/true"]);
  all.push(["sandbox, the long way", ...run, "--hostname", "bench", "--", program]);
  return all;
}

function median(list) {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
}

async function startUp(table) {
  const timer = await compile("time_commands");
  const input = `${table.map(([, ...words]) => words.join("\t")).join("\n")}\n`;
  const { stdout } = await $({ input, cwd: work })`${timer} ${rounds} ${WARM_UP} ${GAP_MS}`;
  const samples = table.map(() => []);
  for (const line of stdout.trim().split("\n")) {
    const [index, wall, cpu, status] = line.split(" ").map(Number);
    samples[index].push({ wall: wall / 1e6, cpu: cpu / 1e6, status });
  }
  return table.map(([label], i) => {
    const good = samples[i].filter(({ status }) => status === 0);
    return {
      label,
      failed: samples[i].length - good.length,
      walls: good.map(({ wall }) => wall),
      cpus: good.map(({ cpu }) => cpu),
    };
  });
}

function printStartUp(results) {
  const of = (label) => median(results.find((row) => row.label.startsWith(label))?.walls ?? []);
  const [bwrap, empty] = [of("bwrap"), of("Bun")];
  console.log(`\nStart of a program that does nothing, ${rounds} interleaved rounds, ${arch()}, milliseconds\n`);
  console.log("                              wall                           ratio to   above Bun's");
  console.log("                            median     min     p95     cpu      bwrap         empty   failed");
  for (const { label, failed, walls, cpus } of results) {
    if (walls.length === 0) {
      console.log(`${label.padEnd(26)}  none of ${failed} runs succeeded`);
      continue;
    }
    const sorted = [...walls].sort((a, b) => a - b);
    const p95 = sorted[Math.floor((sorted.length - 1) * 0.95)];
    const numbers = [median(walls), sorted[0], p95, median(cpus)].map((value) => value.toFixed(2).padStart(8)).join("");
    const ratio = bwrap ? (median(walls) / bwrap).toFixed(2) : "-";
    console.log(
      `${label.padEnd(26)}${numbers}${ratio.padStart(11)}${(median(walls) - empty).toFixed(2).padStart(14)}${String(failed).padStart(9)}`,
    );
  }
}

/** Proportional set size of a process, kB (proc_pid_smaps(5)). */
function pss(pid) {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function childrenOf(pid) {
  return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

/** Everything that a start leaves running but the command, which is the last in the chain. */
function supervisors(pid) {
  const [child] = childrenOf(pid);
  return child === undefined ? [] : [pid, ...supervisors(child)];
}

async function kept(command, copies) {
  const running = Array.from({ length: copies }, () =>
    spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "inherit"], cwd: work }),
  );
  await Promise.all(running.map((child) => new Promise((resolve) => child.stdout.once("data", resolve))));
  // The supervisor becomes the waiter after the command has begun: its executable tells.
  if (command[0] === sandbox)
    for (const { pid } of running)
      while (fs.readlinkSync(`/proc/${pid}/exe`) === sandbox) await new Promise(setImmediate);
  const total = running.flatMap(({ pid }) => supervisors(pid)).reduce((sum, pid) => sum + pss(pid), 0);
  for (const child of running) child.kill("SIGKILL");
  await Promise.all(running.map((child) => new Promise((resolve) => child.once("exit", resolve))));
  return total / copies;
}

async function printMemory(rootfs) {
  const sleep = path.join(rootfs, "bin/sleep");
  const commands = [["sandbox, host's view", sandbox, "run", "--", sleep, "forever"]];
  const bwrap = await which("bwrap", { nothrow: true });
  if (bwrap)
    commands.unshift([
      "bwrap --unshare-all",
      bwrap,
      "--unshare-all",
      "--die-with-parent",
      "--ro-bind",
      "/",
      "/",
      "--proc",
      "/proc",
      "--dev",
      "/dev",
      sleep,
      "forever",
    ]);
  console.log(
    "\nMemory kept per sandbox while its command sleeps, kB (PSS of all supervisors)\n\n                          1 copy   each of 10",
  );
  for (const [label, ...command] of commands) {
    const [one, ten] = [await kept(command, 1), await kept(command, 10)];
    console.log(`${label.padEnd(24)}${one.toFixed(0).padStart(8)}${ten.toFixed(0).padStart(13)}`);
  }
}

try {
  const rootfs = await smallRoot();
  printStartUp(await startUp(await rows(rootfs)));
  await printMemory(rootfs);
} catch (error) {
  console.error(chalk.red(`bench: ${error.stderr ?? error.stack}`));
  process.exitCode = 1;
} finally {
  await fs.remove(work);
}
