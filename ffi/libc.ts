// The one door to the kernel: a single symbol of libc, used to map our own code, and from then on raw system calls
// that return a negated errno, so that no errno variable can be lost between two calls of the runtime.
import type { FFIType, Pointer } from "bun:ffi";
import { AARCH64_SYSCALLS } from "./abi/aarch64.ts";
import { X86_64_SYSCALLS } from "./abi/x86_64.ts";
import { stageImages } from "./stage/images.ts" with { type: "macro" };
import { SyscallError } from "./syscall_error.ts";

export type SyscallName = keyof typeof X86_64_SYSCALLS;
export const SYSCALLS: Readonly<Record<SyscallName, number>> =
  process.arch === "arm64" ? AARCH64_SYSCALLS : X86_64_SYSCALLS;

/** A number, or a view whose address is passed. A view must stay referenced until the call returns. */
export type SyscallArgument = number | NodeJS.TypedArray;

// What `bun:ffi` wraps. Importing that module parses it at every start, which costs 0.3 ms; the Bun version is pinned, and
// test/unit/ffi/libc.test.ts notices should this change.
const { dlopen, linkSymbols, ptr, toArrayBuffer } = (Bun as unknown as { readonly FFI: typeof import("bun:ffi") }).FFI;
const WORD = 15 as FFIType.i64_fast;
const SEVEN_WORDS = [WORD, WORD, WORD, WORD, WORD, WORD, WORD] as const;
const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_PRIVATE_ANONYMOUS = 0x22;

type ImageTable = {
  readonly syscall: number;
  readonly launch: number;
  readonly onSignal: number;
  readonly restorer: number;
  readonly signalState: number;
};

const IMAGES = stageImages();
const stage = stageOrEnd();

// Modules are still loading: an error thrown from here is shown as a stack, and there is no system call yet to leave by.
function stageOrEnd() {
  try {
    return loadStage();
  } catch (error) {
    console.error(
      `sandbox: Cannot call the kernel: ${error instanceof Error ? error.message : error}\n` +
        "  the runtime needs memory that is made executable: raise the limits (ulimit -v unlimited -d unlimited),\n" +
        "  and take away what forbids it (MemoryDenyWriteExecute= of systemd, BUN_JSC_useJIT=0)",
    );
    process.exit(125);
  }
}

function loadStage() {
  const libc = dlopen("libc.so.6", { syscall: { args: SEVEN_WORDS, returns: WORD } }).symbols;
  const image = Uint8Array.fromBase64(IMAGES.executor);
  const table = new Int32Array(image.buffer, 0, 8);
  const [syscall = 0, launch = 0, onSignal = 0, restorer = 0, signalState = 0, code = 0, total = 0] = table;
  const base = Number(
    libc.syscall(SYSCALLS.mmap, 0, total, PROT_READ | PROT_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0),
  ) as Pointer;
  if ((base as number) === -1) throw new Error(`Cannot map ${total} bytes of memory for the executor`);
  new Uint8Array(toArrayBuffer(base, 0, total)).set(image);
  if (Number(libc.syscall(SYSCALLS.mprotect, base, code, PROT_READ | PROT_EXEC, 0, 0, 0)) !== 0)
    throw new Error(
      "Cannot make the executor's code executable: a policy of this system forbids it (SELinux execmem?)",
    );
  const at = (offset: number): Pointer => ((base as number) + offset) as Pointer;
  const { symbols } = linkSymbols({
    syscall: { ptr: at(syscall), args: SEVEN_WORDS, returns: WORD },
    launch: { ptr: at(launch), args: [WORD], returns: WORD },
  });
  const addresses: ImageTable = {
    syscall: at(syscall),
    launch: at(launch),
    onSignal: at(onSignal),
    restorer: at(restorer),
    signalState: at(signalState),
  };
  return { symbols, addresses };
}

/** Addresses inside the mapped executor, for the signal handler's installation. */
export const STAGE_ADDRESSES: ImageTable = stage.addresses;

/** The static programs of stage/: PID 1 of a sandbox, the waiter that a supervisor turns into, and what enters namespaces before it. */
export type StageProgram = "init" | "waiter" | "enter";

export function stageProgram(name: StageProgram): Uint8Array {
  return Uint8Array.fromBase64(IMAGES[name]);
}

/** The address of a view's first byte. The view must be kept referenced for as long as the address is used. */
export function address(view: NodeJS.TypedArray): number {
  return ptr(view) as number;
}

/** The bytes at an address that is not JavaScript's, e.g. of a mapping. */
export function memoryAt(at: number, length: number): Uint8Array {
  return new Uint8Array(toArrayBuffer(at as Pointer, 0, length));
}

/** System call `name`; its result, or a negated errno in [-4095, -1]. */
export function rawSyscall(
  name: SyscallName,
  a: SyscallArgument = 0,
  b: SyscallArgument = 0,
  c: SyscallArgument = 0,
  d: SyscallArgument = 0,
  e: SyscallArgument = 0,
  f: SyscallArgument = 0,
): number {
  return Number(stage.symbols.syscall(SYSCALLS[name], word(a), word(b), word(c), word(d), word(e), word(f)));
}

/** As {@link rawSyscall}, but throws {@link SyscallError} with `object` (a path, a descriptor's purpose) on failure. */
export function syscall(
  name: SyscallName,
  object: string,
  a: SyscallArgument = 0,
  b: SyscallArgument = 0,
  c: SyscallArgument = 0,
  d: SyscallArgument = 0,
  e: SyscallArgument = 0,
  f: SyscallArgument = 0,
): number {
  const result = rawSyscall(name, a, b, c, d, e, f);
  if (result < 0 && result >= -4095) throw new SyscallError(name, object, -result);
  return result;
}

const OP_PERFORM = 0xffff0006;

/** Performs `count` struct step at the address `steps` in this process; their results are in the 256 words at `registers`. */
export function stagePerform(steps: number, count: number, registers: number): void {
  stage.symbols.syscall(OP_PERFORM, steps, count, registers, 0, 0, 0);
}

/** Runs the executor's `stage_launch` on a `struct launch` (see stage/executor.c): a pid, or a negated errno. */
export function stageLaunch(launch: NodeJS.TypedArray): number {
  return Number(stage.symbols.launch(address(launch)));
}

function word(argument: SyscallArgument): number {
  return typeof argument === "number" ? argument : argument.byteLength === 0 ? 0 : address(argument);
}
