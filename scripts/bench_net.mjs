#!/usr/bin/env zx
// The network of a sandbox beside slirp4netns, pasta, rootlesskit's ports and bare veth and loopback, in one interleaved run with the same tools. As an
// ordinary user: every byte stays on this machine's loopback or in namespaces made here.
//
//   npm run bench:net [-- ROUNDS [SECONDS]] [--only NAME,...]      default 3 rounds, 2 seconds a figure
import { spawn } from "node:child_process";
import { createConnection } from "node:net";
import { arch, tmpdir, userInfo } from "node:os";
import { $, argv, chalk, fs, path, which } from "zx";

$.verbose = false;
const root = path.resolve(import.meta.dirname, "..");
const [rounds, seconds] = [Number(argv._[0] ?? 3), Number(argv._[1] ?? 2)];
const only = argv.only ? String(argv.only).split(",") : undefined;
const sandbox = path.join(root, "dist/sandbox");
const bench = path.join(root, "test/bench");
const work = fs.mkdtempSync(path.join(tmpdir(), "sandbox-bench-net-"));
const PORT = { iperf: 5300, turns: 5310, inside: 5320, outside: 5420 };
const [BUSY_FLOWS, START_ROUNDS] = [64, 40];
const GIB = 2 ** 30;

if (userInfo().uid === 0 && !process.env.SANDBOX_BENCH_AS_ROOT) {
  console.error("bench: run this as an ordinary user (or set SANDBOX_BENCH_AS_ROOT=1 to see what it is worth as root)");
  process.exit(2);
}
if (!fs.existsSync(sandbox)) {
  console.error("bench: dist/sandbox is missing: npm run build");
  process.exit(2);
}

const running = new Set();

/** A process that lives until the end of the run, or until it is killed; ready at its first line on descriptor `readyFd`. */
async function start(words, { readyFd = 1, input } = {}) {
  const stdio = [input ?? "pipe", "ignore", "ignore", "ignore"];
  stdio[readyFd] = "pipe";
  const child = spawn(words[0], words.slice(1), { stdio, cwd: work });
  running.add(child);
  child.once("exit", () => running.delete(child));
  await new Promise((resolve, reject) => {
    child.stdio[readyFd].once("data", resolve);
    child.once("exit", (code) => reject(new Error(`${words.join(" ")}: ended with ${code} before it was ready`)));
    child.once("error", reject);
  });
  return child;
}

const enter = (pid) => ["nsenter", "-t", String(pid), "-U", "--preserve-credentials", "-n"];
const idle = (prefix) => [...prefix, "sh", "-c", "echo ready; exec cat"];

/** A network namespace, in a user namespace of its own. */
async function emptyNetwork() {
  const { pid } = await start(idle(["unshare", "-Urn", "--"]));
  await $`${enter(pid)} ip link set lo up`;
  return pid;
}

function childrenOf(pid) {
  return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

async function loopback() {
  return { enter: [], host: "127.0.0.1", relays: [] };
}

/** Two namespaces and a pair of devices: what the kernel does without any relay. */
async function veth() {
  const near = await emptyNetwork();
  const { pid: far } = await start(idle([...enter(near), "unshare", "-n", "--"]));
  await $`${enter(near)} ip link add v0 type veth peer name v1 netns ${far}`;
  for (const [pid, device, address] of [
    [near, "v0", "10.9.0.1/24"],
    [far, "v1", "10.9.0.2/24"],
  ]) {
    await $`${enter(pid)} ip addr add ${address} dev ${device}`;
    await $`${enter(pid)} ip link set ${device} up`;
  }
  await servers(enter(far));
  return { enter: enter(near), host: "10.9.0.2", relays: [] };
}

async function slirp4netns(mtu) {
  const pid = await emptyNetwork();
  const socket = path.join(work, `slirp-${mtu}.sock`);
  const { pid: relay } = await start(
    ["slirp4netns", "-c", `--mtu=${mtu}`, "--ready-fd=3", "--api-socket", socket, String(pid), "tap0"],
    { readyFd: 3 },
  );
  const publish = (outside, inside) =>
    ask(socket, {
      execute: "add_hostfwd",
      arguments: { proto: "tcp", host_addr: "127.0.0.1", host_port: outside, guest_port: inside },
    });
  return { enter: enter(pid), host: "10.0.2.2", relays: [relay], publish };
}

function ask(socket, request) {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket, () => connection.end(JSON.stringify(request)));
    connection.once("data", resolve).once("error", reject);
  });
}

async function pasta() {
  const pid = await emptyNetwork();
  const outside = PORT.outside + 2;
  const options = ["-f", "--config-net", "-t", `${outside}:${PORT.inside}`, "-u", "none", "-T", "none", "-U", "none"];
  const { pid: relay } = await start(["pasta", ...options, String(pid)], { readyFd: 2 });
  const { stdout } = await $`${enter(pid)} sh -c ${"until ip -4 route | grep ^default; do :; done"}`;
  const gateway = /via (\S+)/.exec(stdout)[1];
  return { enter: enter(pid), host: gateway, relays: [relay], publish: async () => {}, outside };
}

/** What rootless Docker publishes ports with; its way out is slirp4netns. */
async function rootlesskit() {
  const [outside, state] = [PORT.outside + 6, path.join(work, "rootlesskit")];
  const options = ["--net=slirp4netns", "--mtu=65520", "--port-driver=builtin", "--copy-up=/etc"];
  const ports = ["-p", `127.0.0.1:${outside}:${PORT.inside}/tcp`];
  const command = ["sh", "-c", "echo ready; exec cat"];
  const { pid } = await start(["rootlesskit", `--state-dir=${state}`, ...options, ...ports, ...command]);
  const child = Number(fs.readFileSync(path.join(state, "child_pid"), "utf8"));
  const relays = [pid, ...childrenOf(pid)];
  return { enter: enter(child), host: "10.0.2.2", relays, publish: async () => {}, outside, portsOnly: true };
}

async function ours(mtu) {
  const outside = PORT.outside + 4 + (mtu === 1500 ? 1 : 0);
  const flags = ["--net", `slirp:mtu=${mtu},host-loopback`];
  if (await knowsPublish()) flags.push("-p", `127.0.0.1:${outside}:${PORT.inside}`);
  const { pid } = await start([sandbox, "run", ...flags, "--", "sh", "-c", "echo ready; exec cat"]);
  const command = childrenOf(childrenOf(pid)[0])[0];
  const publish = (await knowsPublish()) ? async () => {} : undefined;
  return { enter: enter(command), host: "10.0.2.2", relays: [pid], publish, outside };
}

/** What is inside has a filter that nsenter(1) does not give: so each client is the command of a sandbox of its own. */
async function fast() {
  const flags = ["--net", "fast:host-loopback", "-v", `${work}:${work}:ro`];
  return { enter: [sandbox, "run", ...flags, "--"], host: "10.0.2.2", relays: [] };
}

/** Whether this build publishes ports: `-p` is a flag of `run`. */
async function knowsPublish() {
  const { stdout } = await $`${sandbox} run --help`;
  return /^\s+-p[ ,]/m.test(stdout);
}

async function servers(prefix) {
  await start([...prefix, path.join(work, "net_turns"), "serve", String(PORT.turns)]);
  await start([...prefix, "iperf3", "-s", "--forceflush", "-p", String(PORT.iperf)]);
}

const SYSTEMS = [
  { name: "loopback", make: loopback },
  { name: "veth", make: veth },
  { name: "slirp4netns 1500", needs: "slirp4netns", make: () => slirp4netns(1500) },
  { name: "slirp4netns 65520", needs: "slirp4netns", make: () => slirp4netns(65520) },
  { name: "pasta", needs: "pasta", make: pasta },
  { name: "rootlesskit", needs: "rootlesskit", make: rootlesskit },
  { name: "sandbox 1500", make: () => ours(1500) },
  { name: "sandbox 65520", make: () => ours(65520) },
  { name: "sandbox fast", make: fast },
];

/** Nanoseconds that a process's threads have run (proc_pid_schedstat, Documentation/scheduler/sched-stats.rst). */
function cpuOf(pid) {
  const tasks = fs.readdirSync(`/proc/${pid}/task`);
  const of = (task) => Number(fs.readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  return tasks.reduce((sum, task) => sum + of(task), 0);
}

/** Proportional set size of a process, MiB (proc_pid_smaps(5)); of one that is closed to us, its resident size. */
function pssOf(pid) {
  try {
    const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    return Number(/^Pss:\s+(\d+)/m.exec(text)[1]) / 1024;
  } catch {
    return Number(/^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
  }
}

async function iperf(system, ...options) {
  const before = system.relays.map(cpuOf);
  const limit = `${seconds + 10}`;
  const { stdout, exitCode } =
    await $`timeout ${limit} ${system.enter} iperf3 -J -t ${seconds} -c ${system.host} -p ${PORT.iperf} ${options}`.nothrow();
  if (exitCode !== 0) throw new Error(JSON.parse(stdout || "{}").error ?? `iperf3 ended with ${exitCode}`);
  const cpu = system.relays.reduce((sum, pid, i) => sum + cpuOf(pid) - before[i], 0) / 1e9;
  const { end } = JSON.parse(stdout);
  const isUdp = options.includes("-u");
  const bits = isUdp ? end.sum.bits_per_second * (1 - end.sum.lost_percent / 100) : end.sum_received.bits_per_second;
  const gibibytes = (bits * seconds) / 8 / GIB;
  return { gbits: bits / 1e9, cpu: system.relays.length > 0 ? cpu / gibibytes : undefined };
}

async function turns(system, kind) {
  const { stdout } = await $`${system.enter} ${work}/net_turns ${kind} ${system.host} ${PORT.turns} ${seconds}`;
  const [rate, median, , failed] = stdout.split(" ").map(Number);
  return { rate, median, failed };
}

const UDP = ["-u", "-b", "3G", "-l", "1400"];
/** Name, what is measured, and what of it is printed with how many digits. */
const MEASURES = [
  ["tcp out", (system) => iperf(system)],
  ["tcp in", (system) => iperf(system, "-R")],
  ["udp out", (system) => iperf(system, ...UDP)],
  ["udp in", (system) => iperf(system, ...UDP, "-R")],
  ["crr", (system) => turns(system, "crr")],
  ["rr", (system) => turns(system, "rr")],
];

async function published(system) {
  const port = String(system.outside);
  const server = await start([...system.enter, "iperf3", "-s", "--forceflush", "-p", String(PORT.inside)]);
  const outer = { ...system, enter: [], host: "127.0.0.1" };
  try {
    for (const [key, flags] of [
      ["port in", []],
      ["port out", ["-R"]],
    ])
      await sample(system, key, () => iperf(outer, "-p", port, ...flags));
  } finally {
    server.kill("SIGKILL");
  }
}

async function busyMemory(system, ...options) {
  const words = [
    "iperf3",
    "-t",
    "3",
    "-P",
    String(BUSY_FLOWS),
    "-c",
    system.host,
    "-p",
    String(PORT.iperf),
    ...options,
  ];
  const clients = $`${system.enter} ${words}`.nothrow();
  let [ended, most] = [false, 0];
  clients.then(() => (ended = true));
  while (!ended) {
    most = Math.max(most, ...system.relays.map(pssOf));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return most;
}

function median(list) {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
}

async function makeAll() {
  const made = [];
  for (const { name, needs, make } of SYSTEMS) {
    if (only && !only.some((word) => name.startsWith(word))) continue;
    if (needs && !(await which(needs, { nothrow: true }))) {
      console.log(`${name} is left out: ${needs} is not installed`);
      continue;
    }
    try {
      made.push({ name, samples: {}, ...(await make()) });
    } catch (error) {
      console.log(`${name} is left out: ${error.message.trim().split("\n").at(-1)}`);
    }
  }
  return made;
}

async function measureAll(all) {
  const systems = all.filter(({ portsOnly }) => !portsOnly);
  // A supervisor gives back what only its start needed once its sandbox has stayed for a while.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  for (const system of systems) system.idle = system.relays.length > 0 ? median(system.relays.map(pssOf)) : undefined;
  for (let round = 0; round < rounds; round++)
    for (const [key, measure] of MEASURES)
      for (let i = 0; i < systems.length; i++) {
        const system = systems[(i + round) % systems.length];
        await sample(system, key, () => measure(system));
      }
  for (const system of systems)
    if (system.relays.length > 0) system.busy = Math.max(await busyMemory(system), await busyMemory(system, "-R"));
}

async function sample(system, key, measure) {
  try {
    const one = await measure();
    system.samples[key] = [...(system.samples[key] ?? []), one];
  } catch (error) {
    console.log(`${system.name}, ${key}: ${error.message.trim().split("\n").at(-1)}`);
  }
}

function figure(system, key, part) {
  const list = (system?.samples[key] ?? []).map((one) => one[part]).filter((value) => value !== undefined);
  return list.length > 0 ? median(list) : undefined;
}

/** The widest distance of a sample from the median, as a share of it: how noisy the machine was. */
function spread(system, key, part) {
  const middle = figure(system, key, part);
  if (middle === undefined) return "";
  return `±${Math.round(100 * Math.max(...system.samples[key].map((one) => Math.abs(one[part] / middle - 1))))}%`;
}

const COLUMNS = [
  ["tcp out", "tcp out", "gbits", 2],
  ["tcp in", "tcp in", "gbits", 2],
  ["cpu out", "tcp out", "cpu", 2],
  ["cpu in", "tcp in", "cpu", 2],
  ["udp out", "udp out", "gbits", 2],
  ["udp in", "udp in", "gbits", 2],
  ["crr/s", "crr", "rate", 0],
  ["p50 us", "crr", "median", 0],
  ["rr/s", "rr", "rate", 0],
  ["p50 us", "rr", "median", 1],
];

function printThroughput(systems) {
  console.log(
    `\nNetwork, ${rounds} interleaved rounds of ${seconds} s, ${arch()}: Gbit/s; relay's CPU seconds a GiB; round trips a second\n`,
  );
  console.log(`${"".padEnd(18)}${COLUMNS.map(([title]) => title.padStart(9)).join("")}`);
  for (const system of systems) {
    const cells = COLUMNS.map(([, key, part, digits]) => figure(system, key, part)?.toFixed(digits) ?? "-");
    console.log(`${system.name.padEnd(18)}${cells.map((cell) => cell.padStart(9)).join("")}`);
    const noise = COLUMNS.map(([, key, part]) =>
      part === "cpu" || part === "median" ? "" : spread(system, key, part),
    );
    if (rounds > 1) console.log(chalk.dim(`${"".padEnd(18)}${noise.map((cell) => cell.padStart(9)).join("")}`));
  }
}

function printMemory(systems) {
  console.log(
    `\nMemory of the relay, MiB (PSS; two sandboxes share the program's pages)\n\n${"".padEnd(18)}     idle  ${BUSY_FLOWS} busy flows`,
  );
  for (const { name, idle: still, busy } of systems)
    if (still !== undefined)
      console.log(`${name.padEnd(18)}${still.toFixed(1).padStart(9)}${busy.toFixed(1).padStart(15)}`);
}

async function measurePublished(systems) {
  const publishing = systems.filter(({ publish }) => publish);
  for (const system of publishing.filter(({ outside }) => outside === undefined)) {
    system.outside = PORT.outside + (system.name.endsWith("1500") ? 0 : 1);
    await system.publish(system.outside, PORT.inside);
  }
  for (let round = 0; round < rounds; round++)
    for (let i = 0; i < publishing.length; i++) await published(publishing[(i + round) % publishing.length]);
}

function printPublished(systems) {
  console.log("\nPublished ports, TCP, Gbit/s\n\n                     to it   from it  CPU s/GiB");
  for (const system of systems.filter(({ publish }) => publish)) {
    const cells = [
      ["port in", "gbits"],
      ["port out", "gbits"],
      ["port in", "cpu"],
    ].map(([key, part]) => (figure(system, key, part)?.toFixed(2) ?? "-").padStart(9));
    console.log(`${system.name.padEnd(18)}${cells.join("")}`);
  }
}

/** A ratio that is to be reached, and whether it was. */
function printTargets(systems, started) {
  const named = (name) => systems.find((system) => system.name === name);
  const rows = [];
  for (const mtu of [1500, 65520])
    for (const key of ["tcp out", "tcp in"])
      rows.push([`${key}, MTU ${mtu}, of slirp4netns`, key, "gbits", `sandbox ${mtu}`, `slirp4netns ${mtu}`, 2.2]);
  for (const key of ["tcp out", "tcp in"])
    rows.push([`${key}, MTU 65520, of veth`, key, "gbits", "sandbox 65520", "veth", 0.6]);
  for (const key of ["port in", "port out"])
    rows.push([`published ${key}, of rootlesskit's builtin`, key, "gbits", "sandbox 65520", "rootlesskit", 1]);
  rows.push(["connections a second, of slirp4netns", "crr", "rate", "sandbox 65520", "slirp4netns 65520", 2]);
  console.log("\nTargets\n");
  for (const [label, key, part, own, other, least] of rows) {
    const ratio = figure(named(own), key, part) / figure(named(other), key, part);
    printTarget(label, ratio, `${ratio.toFixed(2)}x`, `at least ${least}x`, ratio >= least);
  }
  const busy = named("sandbox 65520")?.busy ?? Number.NaN;
  printTarget(`memory with ${BUSY_FLOWS} busy flows`, busy, `${busy.toFixed(1)} MiB`, "at most 60 MB", busy <= 57.2);
  printTarget("start-up added", started, `${started.toFixed(2)} ms`, "at most 1.5 ms", started <= 1.5);
}

function printTarget(label, value, text, target, reached) {
  if (Number.isNaN(value)) return console.log(`${label.padEnd(40)}        -  (not measured)`);
  const verdict = reached ? chalk.green("reached") : chalk.red("missed");
  console.log(`${label.padEnd(40)}${text.padStart(11)}  ${target.padEnd(18)}${verdict}`);
}

/** What the stack adds to a start, milliseconds: two starts that differ by nothing else. */
async function startUp() {
  const table = ["none", "slirp"].map((net) => [sandbox, "run", "--net", net, "--", "true"]);
  const input = `${table.map((words) => words.join("\t")).join("\n")}\n`;
  const { stdout } = await $({ input, cwd: work })`${work}/time_commands ${START_ROUNDS} 3 8`;
  const walls = [[], []];
  for (const line of stdout.trim().split("\n")) {
    const [index, wall, , status] = line.split(" ").map(Number);
    if (status === 0) walls[index].push(wall / 1e6);
  }
  const [none, slirp] = walls.map(median);
  console.log(
    `\nStart of true, ${START_ROUNDS} rounds, ms: --net none ${none.toFixed(2)}, --net slirp ${slirp.toFixed(2)}`,
  );
  return slirp - none;
}

try {
  for (const name of ["net_turns", "time_commands"]) await $`cc -O2 -o ${work}/${name} ${bench}/${name}.c`;
  await servers([]);
  const systems = await makeAll();
  await measureAll(systems);
  await measurePublished(systems);
  printThroughput(systems.filter(({ portsOnly }) => !portsOnly));
  printMemory(systems);
  printPublished(systems);
  printTargets(systems, await startUp());
} catch (error) {
  console.error(chalk.red(`bench: ${error.stderr || error.stack}`));
  process.exitCode = 1;
} finally {
  for (const child of running) child.kill("SIGKILL");
  await fs.remove(work);
}
