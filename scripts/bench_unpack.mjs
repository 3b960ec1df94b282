#!/usr/bin/env zx
// Unpacking beside the peers that are installed, interleaved, on tmpfs; then the memory it takes as archives grow.
// What is timed is test/bench/unpack.ts, compiled as the program itself is.
//
//   npm run bench:unpack [-- ROUNDS]      default 5
//   SANDBOX_BENCH_TMPFS=DIR               where to (default: /dev/shm; needs about 9 GB with --memory, 1.5 GB without)
//   --no-memory                           leave out the second part
//   --tree=FILE                           a tar file to use in the place of one made of this machine's /usr and /etc
import { $, argv, chalk, fs, path, which } from "zx";

$.verbose = false;
const root = path.resolve(import.meta.dirname, "..");
const bench = path.join(root, "test/bench");
const rounds = Number(argv._[0] ?? 5);
const work = fs.mkdtempSync(path.join(process.env.SANDBOX_BENCH_TMPFS ?? "/dev/shm", "sandbox-unpack-"));
const target = path.join(work, "target");
const bun = path.join(root, "node_modules/.bin/bun");
const [FILES, LARGE_MB] = [20_000, 210];
const usage = path.join(work, "usage");

/** 20,000 files and about 380 MB: a few large libraries and programs, then ordinary files. */
async function makeTree(to) {
  const large = `find /usr/bin /usr/lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu -xdev \\( -type f -o -type l \\) -size -8192k -readable -printf '%s %p\\n' 2>/dev/null | awk -v most=${LARGE_MB} '{sum += $1; if (sum > most * 1048576) exit; print $2}'`;
  const small = `find /etc /usr/share /usr/lib/python3 /usr/include -xdev \\( -type f -o -type l \\) -size -512k -readable -printf '%p\\n' 2>/dev/null`;
  const list = path.join(work, "list");
  await $`bash -c ${`{ ${large}; ${small}; } | grep -v shadow | head -n ${FILES} | sed s,^/,, > ${list}`}`;
  await $`tar --numeric-owner --no-recursion -C / -cf ${to} -T ${list}`.nothrow();
}

async function compress(plain) {
  await $`gzip -6 -k -f ${plain}`;
  await $`zstd -q -3 -f ${plain} -o ${plain}.zst`;
  return { plain, gz: `${plain}.gz`, zst: `${plain}.zst` };
}

async function umociImage(plain) {
  if (!(await which("umoci", { nothrow: true }))) return undefined;
  const layout = path.join(work, "oci");
  await $`umoci init --layout ${layout}`;
  await $`umoci new --image ${layout}:t`;
  await $`umoci raw add-layer --image ${layout}:t ${plain}`;
  return `${layout}:t`;
}

async function rows({ plain, gz, zst }, unpack) {
  const image = await umociImage(plain);
  const has = async (name) => Boolean(await which(name, { nothrow: true }));
  return [
    { kind: "gzip", name: "ours", command: [unpack, gz, target] },
    { kind: "gzip", name: "tar -xzf", command: ["tar", "-xzf", gz, "-C", target] },
    (await has("bsdtar")) && { kind: "gzip", name: "bsdtar -xf", command: ["bsdtar", "-xf", gz, "-C", target] },
    image && {
      kind: "gzip",
      name: "umoci unpack",
      command: ["umoci", "unpack", "--rootless", "--image", image, `${target}/b`],
    },
    { kind: "zstd", name: "ours", command: [unpack, zst, target] },
    { kind: "zstd", name: "tar --zstd -xf", command: ["tar", "--zstd", "-xf", zst, "-C", target] },
    (await has("bsdtar")) && { kind: "zstd", name: "bsdtar -xf", command: ["bsdtar", "-xf", zst, "-C", target] },
    { kind: "plain", name: "ours", command: [unpack, plain, target] },
    { kind: "plain", name: "tar -xf", command: ["tar", "-xf", plain, "-C", target] },
  ].filter(Boolean);
}

/** Milliseconds and MB of one run into an empty folder. */
async function measure(command) {
  fs.rmSync(target, { recursive: true, force: true });
  fs.mkdirSync(target);
  const sample = path.join(work, "sample");
  await $`bash -c ${'exec 3>"$1"; shift; exec "$@" >/dev/null 2>&1'} bash ${sample} ${usage} ${command}`;
  const [wall, cpu, memory] = fs.readFileSync(sample, "utf8").split(" ").map(Number);
  return { wall: wall / 1e6, cpu: cpu / 1e6, memory: memory / 1000 };
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const shown = (value) => String(Math.round(value)).padStart(8);

async function compareTimes(all) {
  const samples = all.map(() => []);
  for (let round = -1; round < rounds; round++)
    for (const [at, { command }] of all.entries()) {
      const sample = await measure(command);
      if (round >= 0) samples[at].push(sample);
    }
  console.log(`\n${"".padEnd(24)}   least   median      cpu    most MB   ours is`);
  for (const [at, { kind, name }] of all.entries()) {
    const walls = samples[at].map(({ wall }) => wall);
    const ours = samples[all.findIndex((row) => row.kind === kind)].map(({ wall }) => wall);
    const faster = name === "ours" ? "" : `${(median(walls) / median(ours)).toFixed(2)}x as fast`;
    const memory = Math.max(...samples[at].map(({ memory }) => memory));
    const cpu = median(samples[at].map(({ cpu }) => cpu));
    const line = `${`${kind}  ${name}`.padEnd(24)}${shown(Math.min(...walls))}${shown(median(walls))} ${shown(cpu)}   ${shown(memory)}   ${faster}`;
    console.log(name === "ours" ? chalk.bold(line) : line);
  }
}

/** The tree `copies` times under different names, in zstd and gzip. */
async function grown(plain, copies) {
  const out = path.join(work, `grown-${copies}.tar`);
  const from = path.join(work, "from");
  if (!fs.existsSync(from)) {
    fs.mkdirSync(from);
    await $`tar -xf ${plain} -C ${from}`;
  }
  for (let copy = 0; copy < Math.ceil(copies); copy++) {
    const part = copies < 1 ? ["etc", "usr/bin"].filter((name) => fs.existsSync(path.join(from, name))) : ["."];
    await $`tar -rf ${out} --transform ${`s,^,${copy}/,S`} -C ${from} ${part}`;
  }
  const { size } = fs.statSync(out);
  await $`zstd -q -1 -f ${out} -o ${out}.zst`;
  await $`gzip -1 -f ${out}`;
  return { size, archives: { zstd: `${out}.zst`, gzip: `${out}.gz` } };
}

async function showMemory(plain, unpack, empty) {
  const own = await measure([empty]);
  console.log(`\nmost memory in MB; Bun's own, of an empty program: ${Math.round(own.memory)}`);
  for (const copies of [0.25, 2, 8]) {
    const { size, archives } = await grown(plain, copies);
    for (const [kind, archive] of Object.entries(archives)) {
      const { memory, wall } = await measure([unpack, archive, target]);
      console.log(
        `${(size / 1e9).toFixed(2).padStart(6)} GB ${kind}  ${shown(memory)}   above Bun's own ${shown(memory - own.memory)}   in ${(wall / 1000).toFixed(1)} s`,
      );
      fs.rmSync(archive);
    }
    fs.rmSync(target, { recursive: true, force: true });
  }
}

async function compile(source, name) {
  const out = path.join(work, name);
  await $`${bun} build --compile --minify --bytecode ${source} --outfile ${out}`;
  return out;
}

try {
  await $`cc -O2 -o ${usage} ${bench}/usage.c`;
  const unpack = await compile(path.join(bench, "unpack.ts"), "unpack");
  fs.writeFileSync(path.join(work, "empty.ts"), "process.exitCode = 0;\n");
  const empty = await compile(path.join(work, "empty.ts"), "empty");
  const plain = path.join(work, "rootfs.tar");
  if (argv.tree) fs.copySync(argv.tree, plain);
  else await makeTree(plain);
  const archives = await compress(plain);
  const sizes = Object.entries(archives).map(
    ([kind, file]) => `${kind} ${Math.round(fs.statSync(file).size / 1e6)} MB`,
  );
  console.log(`${(await $`tar -tf ${plain}`.lines()).length} entries: ${sizes.join(", ")}; ${rounds} rounds`);
  await compareTimes(await rows(archives, unpack));
  if (argv.memory !== false) await showMemory(plain, unpack, empty);
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
