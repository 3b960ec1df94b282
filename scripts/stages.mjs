#!/usr/bin/env zx
// Compiles the C stages for every architecture that this machine has a compiler for, into ffi/stage/build/ARCH/.
// The machine's own architecture is required; the other one is built where its cross compiler is present. Then the plans that are
// prebuilt for the stages to perform.
import { arch } from "node:os";
import { $, chalk, fs, path, which } from "zx";

$.verbose = false;

const here = path.resolve(import.meta.dirname, "../ffi/stage");

const COMMON = [
  "-Os",
  "-ffreestanding",
  "-fno-builtin",
  "-nostdlib",
  "-static",
  "-fPIC",
  "-fvisibility=hidden",
  "-fno-stack-protector",
  "-fno-asynchronous-unwind-tables",
  "-fno-unwind-tables",
  "-fno-jump-tables",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-Wl,--build-id=none",
];
const PROGRAM = ["-Wl,-z,noseparate-code", "-Wl,-z,norelro", "-Wl,-z,noexecstack", "-s"];

const TARGETS = {
  x64: { prefix: "x86_64-linux-gnu-", package: "gcc-x86-64-linux-gnu", flags: ["-fcf-protection=none"] },
  arm64: { prefix: "aarch64-linux-gnu-", package: "gcc-aarch64-linux-gnu", flags: ["-mno-outline-atomics"] },
};

async function tools(target, native) {
  const prefix = native ? "" : TARGETS[target].prefix;
  const cc = await which(native ? (process.env.CC ?? "cc") : `${prefix}gcc`, { nothrow: true });
  const objcopy = await which(`${prefix}objcopy`, { nothrow: true });
  return cc && objcopy ? { cc, objcopy } : undefined;
}

async function compile(target, { cc, objcopy }) {
  const out = path.join(here, "build", target);
  await fs.mkdirp(out);
  const flags = [...COMMON, ...TARGETS[target].flags];
  const elf = path.join(out, "executor.elf");
  await $`${cc} ${flags} -Wl,-T,${here}/image.ld -o ${elf} ${here}/executor.c`;
  await $`${objcopy} -O binary ${elf} ${out}/executor`;
  await fs.remove(elf);
  for (const program of ["init", "waiter", "enter"])
    await $`${cc} ${flags} ${PROGRAM} -o ${out}/${program} ${here}/${program}.c`;
  const sizes = ["executor", "init", "waiter", "enter"].map(
    (name) => `${name} ${fs.statSync(path.join(out, name)).size} B`,
  );
  console.log(`stages ${target}: ${sizes.join(", ")}`);
}

/** What every start would lay out anew is laid out here once: see src/cli/express/. */
async function writePlans() {
  const root = path.resolve(here, "../..");
  console.log((await $({ cwd: root })`node_modules/.bin/bun src/cli/express/write_plans.ts`).stdout.trim());
}

const native = arch();
if (!(native in TARGETS)) throw new Error(`sandbox runs on x86-64 and aarch64; this machine is ${native}`);
for (const target of Object.keys(TARGETS)) {
  const found = await tools(target, target === native);
  if (found) await compile(target, found);
  else if (target === native) {
    console.error(
      chalk.red("stages: no C compiler found (looked for `cc` and `objcopy`).") +
        "\n  Debian, Ubuntu:  sudo apt-get install gcc libc6-dev linux-libc-dev" +
        "\n  Fedora:          sudo dnf install gcc glibc-headers kernel-headers" +
        "\n  Alpine:          doas apk add gcc musl-dev linux-headers" +
        "\n  or name one:     CC=/path/to/cc npm run build",
    );
    process.exit(1);
  } else console.log(`stages ${target}: skipped, no ${TARGETS[target].prefix}gcc (${TARGETS[target].package})`);
}
await writePlans();
