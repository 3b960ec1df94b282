#!/usr/bin/env zx
// Where the time of a start goes, milestone by milestone, told by the kernel's tracer (ftrace, Documentation/trace). As root, since
// tracing takes that; the sandbox itself runs as an ordinary user.
//
//   sudo npm run bench:profile -- --user NAME [--runs 40]
import { $, argv, fs, path } from "zx";

$.verbose = false;
const root = path.resolve(import.meta.dirname, "..");
const sandbox = path.join(root, "dist/sandbox");
const [user, runs] = [argv.user ?? process.env.SUDO_USER, Number(argv.runs ?? 40)];
const TRACING = "/sys/kernel/tracing";
const PLAN_ADDRESS = "0x1000000000";

if (process.getuid() !== 0 || !user) {
  console.error("bench:profile: run this as root, and name an ordinary user: --user NAME");
  process.exit(2);
}

const calls = ["mmap", "clone3", "unshare", "pivot_root", "seccomp", "execveat"];
const EVENTS = [
  "sched/sched_process_exec",
  "sched/sched_process_exit",
  "sched/sched_process_fork",
  ...calls.flatMap((name) => [`syscalls/sys_enter_${name}`, `syscalls/sys_exit_${name}`]),
];

// In order; each is the first line after the one before that matches.
const MILESTONES = [
  ["the kernel has loaded the program", (line) => line.includes(`filename=${sandbox}`)],
  [
    "dynamic linking, the runtime's start, our entry, until the plan is mapped",
    (line) => line.includes(`sys_mmap(addr: ${PLAN_ADDRESS},`),
  ],
  ["plan, pipes and PID 1's memory, until the clone", (line) => line.includes("sys_clone3(")],
  ["clone3", (line) => line.includes("sched_process_fork: comm=sandbox")],
  ["the child's turn comes (descriptors)", (line) => line.includes("sys_unshare(unshare_flags: 0x40000000")],
  ["unshare: the network namespace", (line) => line.includes("sys_unshare -> 0x0")],
  ["loopback, ids, mounts, masks", (line) => line.includes("sys_pivot_root(")],
  ["pivot_root, credentials, capabilities", (line) => line.includes("sys_seccomp(")],
  ["the seccomp filter", (line) => line.includes("sys_seccomp -> 0x0")],
  [
    "execve of PID 1",
    (line) => line.includes("sched_process_exec: filename=/dev/fd/") && line.includes("sandbox-init"),
  ],
  ["execve of the command", (line) => line.includes("sched_process_exec: filename=/bin/true")],
  ["the command itself", (line) => line.includes("sched_process_exit: comm=true")],
  ["PID 1 and its namespaces end", (line) => line.includes("sched_process_exit: comm=sandbox-init")],
  ["the waiter tells the status", (line) => line.includes("sched_process_exit: comm=sandbox pid")],
];

function setEvents(value) {
  for (const event of EVENTS) fs.writeFileSync(`${TRACING}/events/${event}/enable`, value);
}

/** Microseconds at which each milestone came, from the first one on; undefined where one is missing. */
function milestones(trace) {
  const times = [];
  let wanted = 0;
  for (const line of trace.split("\n")) {
    if (wanted === MILESTONES.length || !MILESTONES[wanted][1](line)) continue;
    times.push(Number(/(\d+\.\d+): /.exec(line)[1]) * 1e6);
    wanted++;
  }
  return wanted === MILESTONES.length ? times : undefined;
}

function median(list) {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
}

await $`mountpoint -q ${TRACING} || mount -t tracefs nodev ${TRACING}`;
const work = (await $`mktemp -d`).stdout.trim();
fs.chmodSync(work, 0o755);
const samples = [];
try {
  setEvents("1");
  for (let run = 0; run < runs + 3; run++) {
    fs.writeFileSync(`${TRACING}/trace`, "");
    fs.writeFileSync(`${TRACING}/tracing_on`, "1");
    await $({
      cwd: work,
    })`setpriv --reuid ${user} --regid ${user} --init-groups env -i HOME=/home/${user} USER=${user} PATH=/usr/bin:/bin ${sandbox} run -- /bin/true`;
    fs.writeFileSync(`${TRACING}/tracing_on`, "0");
    const times = milestones(fs.readFileSync(`${TRACING}/trace`, "utf8"));
    if (times && run >= 3) samples.push(times);
  }
} finally {
  setEvents("0");
  await fs.remove(work);
}
console.log(
  `\nWhere a start goes: medians of ${samples.length} traced runs, microseconds (tracing itself costs some)\n`,
);
for (let i = 1; i < MILESTONES.length; i++) {
  const step = median(samples.map((times) => times[i] - times[i - 1]));
  console.log(`${String(Math.round(step)).padStart(6)}  ${MILESTONES[i][0]}`);
}
console.log(`${String(Math.round(median(samples.map((times) => times.at(-1) - times[0])))).padStart(6)}  in all`);
