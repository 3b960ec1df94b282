// One boot of the test machine, from power-on to the end of its job. The job goes in as a credential of systemd's by way of the
// firmware table; what it prints, and how it ended, come back by three virtio-serial ports, each a Unix socket here.
import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

// Both are for machines on which everything is emulated, and others run as well.
const BEGIN_SECONDS = 180;
const CONSOLE_LINES = 40;

/**
 * `{ kind: "ended", status }`, `{ kind: "late" }` when `timeout` seconds had passed, or `{ kind: "died", begun, log }`.
 * `share` is the folder at /mnt/host, `signal` ends the machine early, `consoleFile` gets a copy of what the kernel said.
 */
export async function bootVm({ image, job, share, timeout, memory, cpus, consoleFile, signal }) {
  const work = mkdtempSync(path.join(process.env.TMPDIR || tmpdir(), "sandbox-vm-"));
  const children = [];
  const end = () => {
    for (const { child } of children) child.kill("SIGKILL");
  };
  signal.addEventListener("abort", end);
  const timers = [];
  const ports = [];
  try {
    const at = (name) => path.join(work, name);
    writeFileSync(at("job"), job);
    const program = programs(image);
    if (share !== undefined) children.push(await startFileServer(program, share, at("fs")));

    let late = false;
    const status = { begun: false, code: undefined };
    const alarm = (seconds, act) => timers.push(setTimeout(act, seconds * 1000));
    alarm(timeout, () => {
      late = true;
      end();
    });
    alarm(BEGIN_SECONDS, () => status.begun || end());
    ports.push(await openPort(at("out"), (socket) => socket.pipe(process.stdout, { end: false })));
    ports.push(await openPort(at("err"), (socket) => socket.pipe(process.stderr, { end: false })));
    ports.push(await openPort(at("status"), (socket) => readStatus(socket, status, end)));

    const machine = start(program("usr/bin/qemu-system-x86_64"), machineArgs({ image, at, share, memory, cpus }), work);
    children.push(machine);
    const how = await machine.ended;
    await Promise.all(ports.map(({ drained }) => drained()));
    const said = existsSync(at("console")) ? readFileSync(at("console"), "utf8") : "";
    if (consoleFile) writeFileSync(consoleFile, said);
    if (status.code !== undefined) return { kind: "ended", status: status.code };
    if (late) return { kind: "late" };
    const log = [machine.said(), ...said.trimEnd().split(/\r?\n/).slice(-CONSOLE_LINES), `emulator: ${how}`];
    return { kind: "died", begun: status.begun, log: log.join("\n") };
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal.removeEventListener("abort", end);
    end();
    await Promise.all(children.map(({ ended }) => ended));
    for (const port of ports) port.close();
    rmSync(work, { recursive: true, force: true });
  }
}

/** Programs of the image's own Debian run by its own loader and libraries, so that those of the host do not matter. */
function programs(image) {
  const usr = path.join(image, "emulator/usr");
  const loader = [
    path.join(usr, "lib64/ld-linux-x86-64.so.2"),
    "--library-path",
    path.join(usr, "lib/x86_64-linux-gnu"),
  ];
  return (name) => [...loader, path.join(image, "emulator", name)];
}

/** A child that dies with us, even when we are killed. */
function start(program, args, work) {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...program, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env.PATH, TMPDIR: work },
  });
  let text = "";
  child.stderr.on("data", (data) => {
    text += data;
  });
  const ended = new Promise((resolve) => {
    child.on("error", (error) => resolve(`setpriv: ${error.message}`));
    child.on("close", (code, name) => resolve(name ?? `exit ${code}`));
  });
  return { child, ended, said: () => text.trim() };
}

/** virtiofsd with the folder's owner as `dev` (uid 1000) in the guest, and the reverse. */
async function startFileServer(program, share, socket) {
  const { uid, gid } = statSync(share);
  const args = ["--socket-path", socket, "--shared-dir", share, "--xattr", "--log-level", "info"];
  const ids = ["--translate-uid", `map:1000:${uid}:1`, "--translate-gid", `map:1000:${gid}:1`];
  // Only root can have it serve from a root of its own; a user's file server can reach what the user can.
  const confined = ["--sandbox", process.getuid() === 0 ? "chroot" : "none"];
  const server = start(program("usr/libexec/virtiofsd"), [...args, ...ids, ...confined], path.dirname(socket));
  const listening = new Promise((resolve) => {
    server.child.stderr.on("data", () => server.said().includes("Waiting for vhost-user") && resolve());
  });
  const how = await Promise.race([listening, server.ended]);
  if (how !== undefined) throw new Error(`virtiofsd did not start (${how}): ${server.said()}`);
  return server;
}

async function openPort(socketPath, use) {
  const ends = [];
  const server = createServer((socket) => {
    ends.push(new Promise((resolve) => socket.on("close", resolve)));
    use(socket);
  });
  await new Promise((resolve) => server.listen(socketPath, resolve));
  return { drained: () => Promise.all(ends), close: () => server.close() };
}

/** "begun" before anything of the caller's runs, then the exit status, with which the machine has served its purpose. */
function readStatus(socket, status, end) {
  let text = "";
  socket.on("data", (data) => {
    text += data;
    status.begun = text.startsWith("begun\n");
    const code = /^begun\n(\d+)\n/.exec(text)?.[1];
    if (code === undefined) return;
    status.code = Number(code);
    end();
  });
}

function machineArgs({ image, at, share, memory, cpus }) {
  const port = (name) => [
    ...["-chardev", `socket,id=${name},path=${at(name)}`],
    ...["-device", `virtserialport,chardev=${name},name=vm.${name}`],
  ];
  // virtiofsd maps the guest's memory: it has to be a file that can be shared.
  const files = ["-chardev", `socket,id=fs,path=${at("fs")}`, "-device", "vhost-user-fs-pci,chardev=fs,tag=host"];
  const data = path.join(image, "emulator/usr/share");
  return [
    ...["-M", "q35,memory-backend=ram", "-object", `memory-backend-memfd,id=ram,size=${memory}M,share=on`],
    ...["-m", `${memory}M`, "-smp", String(cpus), ...accelerator()],
    ...["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
    ...["-L", path.join(data, "qemu"), "-L", path.join(data, "seabios")],
    ...["-kernel", path.join(image, "vmlinux"), "-append", KERNEL_WORDS.join(" "), "-serial", `file:${at("console")}`],
    // Every boot starts from the same image: what is written goes to a file without a name.
    ...["-drive", `id=root,if=none,format=raw,snapshot=on,cache=unsafe,file=${path.join(image, "root.img")}`],
    ...["-device", "nvme,drive=root,serial=root"],
    ...["-fw_cfg", `name=opt/io.systemd.credentials/vm.job,file=${at("job")}`],
    ...["-device", "virtio-rng-pci", "-device", "virtio-serial-pci", ...["out", "err", "status"].flatMap(port)],
    ...(share === undefined ? [] : files),
  ];
}

const KERNEL_WORDS = [
  ...["root=/dev/nvme0n1", "rw", "init=/usr/local/sbin/vm-init", "console=ttyS0", "quiet", "panic=-1"],
  // QEMU 10.0 can abort when the kernel moves PCI BARs while another emulated CPU runs. So there is none until init brings them up.
  "maxcpus=1",
  // Nothing of a clock is true under emulation, and a guest that lives a minute needs no protection from itself.
  ...["no_timer_check", "nowatchdog", "mitigations=off", "nokaslr", "cryptomgr.notests", "audit=0"],
  ...["lsm=landlock,yama", "net.ifnames=0", "systemd.show_status=0"],
];

function accelerator() {
  const { SANDBOX_VM_ACCEL } = process.env;
  const kind = SANDBOX_VM_ACCEL || (hasKvm() ? "kvm" : "tcg");
  if (kind === "kvm") return ["-accel", "kvm", "-cpu", "host"];
  return ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,la57=off,svm=off"];
}

/** Only where the processor runs guests itself: /dev/kvm also exists where that is emulated, and a stock kernel dies there. */
function hasKvm() {
  if (!["kvm_intel", "kvm_amd"].some((name) => existsSync(`/sys/module/${name}`))) return false;
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
