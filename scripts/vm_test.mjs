#!/usr/bin/env zx
// The tests of test/vm/suite, run by bun as `dev` in one boot of the test machine, against dist/sandbox.
//
//   npm run test:vm [-- NAME...]      test/vm/suite/NAME.ts, else all of it
//
// What vm_run's header says of its variables and exit statuses holds here.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { argv, fs, glob, path } from "zx";

const checkout = path.resolve(import.meta.dirname, "..");
process.chdir(checkout);
// Under emulation, on a machine that others use as well.
const [TEST_SECONDS, SUITE_SECONDS, MEMORY_MIB] = [180, 1200, 3072];

function fail(message) {
  console.error(`test:vm: ${message}`);
  process.exit(2);
}

async function suiteFiles(names) {
  const files = (await glob("test/vm/suite/*.ts")).sort();
  const missing = names.find((name) => !files.includes(`test/vm/suite/${name}.ts`));
  if (missing !== undefined) fail(`there is no test/vm/suite/${missing}.ts`);
  return names.length === 0 ? files : files.filter((file) => names.includes(path.basename(file, ".ts")));
}

/** What the tests import, and the two programs, where nothing leads out of the folder. */
async function stage(folder) {
  for (const name of ["package.json", "tsconfig.json", "bunfig.toml", "ffi", "src", "test"])
    await fs.copy(name, path.join(folder, name));
  await fs.copy("dist/sandbox", path.join(folder, "dist/sandbox"));
  const bun = path.dirname(createRequire(import.meta.url).resolve("bun/package.json"));
  await fs.copy(fs.realpathSync(path.join(bun, "bin/bun.exe")), path.join(folder, "bun"));
}

/** The machine ends when we are told to. */
async function runInVm(words) {
  const child = spawn("node_modules/.bin/zx", ["scripts/vm_run.mjs", ...words], { stdio: "inherit" });
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => child.kill(name));
  return new Promise((resolve) => child.on("close", (code) => resolve(code ?? 125)));
}

const files = await suiteFiles(argv._.map(String));
const folder = fs.mkdtempSync(path.join(process.env.TMPDIR || tmpdir(), "sandbox-vm-test-"));
try {
  await stage(folder);
  // From the guest's own disk programs start twice as fast as from the shared folder, and other users can read them there.
  const script = `cp -r /mnt/host /var/tmp/sandbox && chmod 755 /var/tmp/sandbox && cd /var/tmp/sandbox || exit
    ./bun test --timeout ${TEST_SECONDS * 1000} "$@" && exit
    status=$?
    sudo journalctl --no-pager --lines 60 >&2
    exit $status`;
  const options = ["--dir", folder, "--timeout", String(SUITE_SECONDS), "--memory", String(MEMORY_MIB)];
  const words = [...options, "--", "bash", "-c", script, "bash", ...files.map((file) => `./${file}`)];
  process.exitCode = await runInVm(words);
} finally {
  fs.removeSync(folder);
}
