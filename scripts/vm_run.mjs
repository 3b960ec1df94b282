#!/usr/bin/env zx
// Runs a command as the unprivileged user `dev` of a throw-away machine: Debian, systemd with a user manager and its D-Bus,
// delegated cgroups, ranges of ids. Made by `npm run vm:image`; every boot starts from the same image.
//
//   npm run --silent vm:run -- [OPTIONS] -- COMMAND [ARG...]
//
//   --dir DIR         the folder at /mnt/host, where the command starts; its owner here is `dev` there
//   --setup SCRIPT    run by bash as root first, in the same folder; when it fails, its status is ours
//   --via login       a login session, as by ssh: a scope beside user@1000.service (default)
//   --via service     a service of the user manager: below user@1000.service
//   --timeout SECONDS for all of it (default 300)
//   --memory MIB, --cpus N     of the machine (2048, 2)
//   --console FILE    what the kernel and the journal said
//
// The exit status is the command's; 124 when the time was up; 125 when the machine could not be had or died. One that dies before
// the command has begun is booted again, twice at most.
//
//   SANDBOX_VM_CACHE=DIR          where the image is (see vm_image.mjs)
//   SANDBOX_VM_ACCEL=kvm|tcg      default: kvm where the processor has it for us, else tcg, which emulates
import { parseArgs } from "node:util";
import { fs, path, quote } from "zx";
import { bootVm } from "../test/vm/harness/boot_vm.mjs";
import { imageFolder } from "../test/vm/harness/image_place.mjs";

const ATTEMPTS = 3;
const OPTIONS = {
  dir: { type: "string" },
  setup: { type: "string", default: "" },
  via: { type: "string", default: "login" },
  timeout: { type: "string", default: "300" },
  memory: { type: "string", default: "2048" },
  cpus: { type: "string", default: "2" },
  console: { type: "string" },
};

function fail(message, status = 125) {
  console.error(`vm:run: ${message}`);
  process.exit(status);
}

function readOptions() {
  const args = process.argv.slice(2).filter((word, at) => at > 0 || !word.endsWith("vm_run.mjs"));
  try {
    const { values, positionals: command } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
    for (const name of ["timeout", "memory", "cpus"])
      if (!/^[1-9]\d*$/.test(values[name])) throw new Error(`--${name} is a number, not ${values[name]}`);
    if (!["login", "service"].includes(values.via)) throw new Error("--via is login or service");
    if (values.dir !== undefined && !fs.existsSync(values.dir)) throw new Error(`--dir: there is no ${values.dir}`);
    if (command.length === 0) throw new Error("which command?");
    return { ...values, command };
  } catch (error) {
    return fail(error.message, 2);
  }
}

function jobText({ dir, setup, via, command }) {
  const variables = [
    `share=${dir === undefined ? "no" : "yes"}`,
    `via=${via}`,
    `setup=${quote(setup)}`,
    `command=(${command.map(quote).join(" ")})`,
  ];
  const job = fs.readFileSync(path.resolve(import.meta.dirname, "../test/vm/guest_job.sh"), "utf8");
  return `${variables.join("\n")}\n${job}`;
}

function endedBySignals() {
  const controller = new AbortController();
  for (const [name, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
    ["SIGHUP", 1],
  ])
    process.on(name, () => {
      process.exitCode = 128 + number;
      controller.abort();
    });
  return controller.signal;
}

async function runInVm(options) {
  const image = imageFolder();
  if (!fs.existsSync(image)) fail(`no image of this checkout's machine at ${image}: npm run vm:image`);
  const share = options.dir && fs.realpathSync(options.dir);
  const signal = endedBySignals();
  const machine = { image, share, job: jobText(options), consoleFile: options.console, signal };
  const size = { timeout: Number(options.timeout), memory: options.memory, cpus: options.cpus };
  for (let attempt = 1; ; attempt++) {
    const outcome = await bootVm({ ...machine, ...size });
    if (signal.aborted) return process.exitCode;
    switch (outcome.kind) {
      case "ended":
        return outcome.status;
      case "late":
        console.error(`vm:run: not done after ${options.timeout} s`);
        return 124;
      case "died":
        console.error(outcome.log);
        console.error(`vm:run: the machine died ${outcome.begun ? "under" : "before"} the command (boot ${attempt})`);
        if (outcome.begun || attempt === ATTEMPTS) return 125;
    }
  }
}

process.exitCode = await runInVm(readOptions()).catch((error) => fail(error.message));
