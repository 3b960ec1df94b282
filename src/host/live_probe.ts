// Runs probe programs in a child of the executor (ffi/stage/executor.c). The child shares this process's memory and one stack, so
// there is one at a time, and it is reaped before anything else happens.

import { cstring } from "../../ffi/cstring.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/fd.ts";
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  mkdirat,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  open,
  readAll,
  readdir,
  writeAll,
} from "../../ffi/file.ts";
import { launch, NO_REGISTER, OP_LOAD, STEP_BYTES } from "../../ffi/launch.ts";
import { address, rawSyscall, SYSCALLS, syscall } from "../../ffi/libc.ts";
import type { LaunchStep, ProbeCall, ProbeName, ProbeProgram } from "./probe_programs.ts";
import { probeProgram } from "./probe_programs.ts";

export type ProbeResult =
  | { readonly kind: "ok" }
  | { readonly kind: "failed"; readonly step: LaunchStep; readonly call: string; readonly errno: number }
  | { readonly kind: "skipped"; readonly why: string };

export type Probe = (name: ProbeName) => ProbeResult;

/** Runs newuidmap or newgidmap for `pid` with one line of a map per `triple`; false when it fails. */
export type MapIds = (pid: number) => boolean;

export type LiveProbeOptions = {
  readonly uid: number;
  readonly gid: number;
  /** Folder on the file system that overlays' upper layers will lie on; probed only if it exists. */
  readonly storeFolder?: string;
  /** Writes both maps of a child from outside; without it the range is not probed. */
  readonly mapIds?: MapIds;
  /** Makes the name of the folder that is created in `storeFolder` for a moment. */
  readonly suffix: string;
};

export function liveProbe(options: LiveProbeOptions): Probe {
  return (name) => {
    if (name === "overlay-store") return probeStore(options);
    if (name === "range") return probeRange(options);
    return run(probeProgram(name, options));
  };
}

function probeStore(options: LiveProbeOptions): ProbeResult {
  if (options.storeFolder === undefined) return { kind: "skipped", why: "no folder was given" };
  const folder = `${options.storeFolder}/.doctor-${options.suffix}`;
  if (!makeFolders(folder)) return { kind: "skipped", why: `${options.storeFolder} is not writable` };
  try {
    return run(probeProgram("overlay-store", { ...options, store: folder }));
  } finally {
    removeTree(folder);
  }
}

const DT_DIR = 4;
const FOLDERS = ["lower", "upper", "work"] as const;
function makeFolders(folder: string): boolean {
  try {
    mkdirat(AT_FDCWD, folder, 0o700);
    for (const name of FOLDERS) mkdirat(AT_FDCWD, `${folder}/${name}`, 0o700);
    return true;
  } catch {
    return false;
  }
}

/** `work/work` comes without any permission bits, and may hold a whiteout that overlayfs keeps to link again. */
function removeTree(path: string): void {
  rawSyscall("fchmodat", AT_FDCWD, cstring(path), 0o700);
  for (const { name, type } of entries(path)) {
    const entry = `${path}/${name}`;
    if (type === DT_DIR) removeTree(entry);
    else rawSyscall("unlinkat", AT_FDCWD, cstring(entry), 0);
  }
  rawSyscall("unlinkat", AT_FDCWD, cstring(path), AT_REMOVEDIR);
}

function entries(path: string): readonly { readonly name: string; readonly type: number }[] {
  try {
    using folder = open(path, O_DIRECTORY | O_NOFOLLOW);
    return readdir(folder.number, path).map(({ name, type }) => ({ name: new TextDecoder().decode(name), type }));
  } catch {
    return [];
  }
}

function probeRange(options: LiveProbeOptions): ProbeResult {
  const { mapIds } = options;
  if (!mapIds) return { kind: "skipped", why: "newuidmap, newgidmap or the ranges are missing" };
  const [readEnd, writeEnd] = pipe();
  using release = readEnd;
  using gate = writeEnd;
  let mapped = true;
  const result = run(probeProgram("range", { ...options, releaseFd: release.number }), (pid) => {
    // Whatever happens here, the child must be let go: it holds a copy of the pipe's other end and would wait forever.
    try {
      mapped = mapIds(pid);
    } finally {
      writeAll(gate.number, "release pipe", new Uint8Array(1));
    }
  });
  return mapped ? result : { kind: "failed", step: "range", call: "newuidmap", errno: ERRNO.EPERM };
}

function run(program: ProbeProgram | undefined, whileItWaits: (pid: number) => void = () => {}): ProbeResult {
  if (!program) return { kind: "skipped", why: "nothing to probe" };
  using memory = encode(program.calls);
  const [readEnd, writeEnd] = pipe();
  using status = readEnd;
  using report = writeEnd;
  const child = launch({
    cloneFlags: program.cloneFlags,
    steps: memory.steps,
    count: program.calls.length,
    statusFd: report.number,
  });
  if (child.kind === "failed") return { kind: "failed", step: "clone", call: "clone", errno: child.errno };
  using _pidfd = new Fd(child.pidfd);
  report.close();
  whileItWaits(child.pid);
  const told = readAll(status.number, "status pipe", 4096);
  return outcome(program, told, reap(child.pid));
}

/** The executor's report is {kind, index, errno} in 32-bit words; without one the child has either finished or been killed. */
function outcome(program: ProbeProgram, told: Uint8Array, exit: number): ProbeResult {
  if (told.length < 12) {
    if (exit === 0) return { kind: "ok" };
    return { kind: "skipped", why: `the probing process ended with wait status ${exit}` };
  }
  const [, index = 0, errno = 0] = new Uint32Array(told.slice(0, 12).buffer);
  const { step, call } = program.calls[index] ?? { step: "clone", call: "clone" };
  return { kind: "failed", step, call, errno };
}

function reap(pid: number): number {
  const status = new Int32Array(1);
  while (rawSyscall("wait4", pid, status, 0, 0) === -ERRNO.EINTR);
  return status[0] ?? 0;
}

function pipe(): readonly [Fd, Fd] {
  const ends = new Int32Array(2);
  syscall("pipe2", "pipe", ends, O_CLOEXEC);
  return [new Fd(ends[0] ?? -1), new Fd(ends[1] ?? -1)];
}

/** Held by `using` until the child has ended, which keeps all that the steps point to referenced. */
type ProbeMemory = Disposable & { readonly steps: Uint8Array };

/** struct step of ffi/stage/executor.c. */
function encode(calls: readonly ProbeCall[]): ProbeMemory {
  const steps = new Uint8Array(calls.length * STEP_BYTES);
  const view = new DataView(steps.buffer);
  const kept: Uint8Array[] = [];
  calls.forEach(({ call, args, out }, index) => {
    const at = index * STEP_BYTES;
    view.setUint32(at, call === "load" ? OP_LOAD : SYSCALLS[call], true);
    view.setUint16(at + 4, out ?? NO_REGISTER, true);
    args.forEach((argument, i) => {
      const word = argumentWord(argument, kept);
      if (typeof argument === "object" && "register" in argument)
        view.setUint16(at + 6, view.getUint16(at + 6, true) | (1 << i), true);
      view.setBigInt64(at + 24 + i * 8, BigInt(word), true);
    });
  });
  return {
    steps,
    [Symbol.dispose]: () => {
      kept.length = 0;
    },
  };
}

function argumentWord(argument: ProbeCall["args"][number], kept: Uint8Array[]): number {
  if (typeof argument === "number") return argument;
  if (typeof argument === "object" && "register" in argument) return argument.register;
  const bytes = typeof argument === "string" ? cstring(argument) : argument;
  kept.push(bytes);
  return address(bytes);
}
