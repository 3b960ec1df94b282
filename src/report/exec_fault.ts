// The command could not be executed: not found (127), or found and not executable (126), execve(2). What PID 1 sent along,
// the kind of file and its first bytes, tells which of the reasons it was. Pure.
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import type { Fault } from "../base/fault.ts";
import type { LaunchFailure } from "../launch/launch_plan.ts";
import type { Spec } from "../spec/spec.ts";

type ExecFailure = Extract<LaunchFailure, { kind: "exec" }>;

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const ANY_EXECUTE = 0o111;
const MACHINES: Readonly<Record<number, string>> = {
  3: "i386",
  40: "arm",
  62: "x86-64",
  183: "aarch64",
  243: "riscv",
  21: "ppc64",
  22: "s390",
};
const ELF_HEADER_BYTES = 64;
const ELFCLASS64 = 2;
const PT_INTERP = 3;
const OWN_MACHINE = process.arch === "arm64" ? 183 : 62;

export function execFault(failure: ExecFailure, spec: Spec): Fault {
  const name = spec.process.args[0] ?? "";
  if (failure.errno === ERRNO.ENOENT && failure.mode === 0) return notFound(name, spec);
  const { cause, hint } = reason(failure);
  return { exitCode: failure.errno === ERRNO.ENOENT ? 127 : 126, what: `Cannot execute ${failure.path}`, cause, hint };
}

function notFound(name: string, spec: Spec): Fault {
  const path = spec.process.env.find((variable) => variable.startsWith("PATH="))?.slice(5) ?? "";
  const where = name.includes("/")
    ? "there is no such file in the sandbox"
    : `no folder of the sandbox's PATH has it (${path})`;
  const hint =
    spec.sandbox.rootfs.kind === "tmpfs"
      ? "only the host's system folders and the current directory are shown: add a folder with -v DIR:DIR"
      : "";
  return { exitCode: 127, what: `Cannot find the command ${name}`, cause: where, hint };
}

function reason({ path, errno, mode, head }: ExecFailure): { readonly cause: string; readonly hint: string } {
  if ((mode & S_IFMT) === S_IFDIR) return { cause: "it is a folder", hint: "name a program" };
  if (errno === ERRNO.ENOENT || errno === ERRNO.ELOOP) return withoutInterpreter(path, interpreter(head));
  if (errno === ERRNO.EACCES) return forbidden(path, mode);
  if (errno === ERRNO.ENOEXEC) return foreign(path, head);
  if (errno === ERRNO.E2BIG)
    return { cause: "arguments and environment are too long", hint: "pass the data by a file or by standard input" };
  if (errno === ERRNO.ETXTBSY) return { cause: "it is open for writing", hint: "close it first" };
  return { cause: `the kernel refuses it: ${errnoName(errno)}`, hint: "" };
}

function withoutInterpreter(path: string, name: string | undefined): { readonly cause: string; readonly hint: string } {
  if (name?.endsWith("\r"))
    return {
      cause:
        "its first line ends with a carriage return, as on Windows, which the kernel takes for a part of the interpreter's name",
      hint: `sed -i 's/\\r$//' ${path}`,
    };
  return {
    cause:
      name === undefined
        ? "its interpreter does not exist in the sandbox"
        : `its interpreter ${name} does not exist in the sandbox`,
    hint: "install it, or choose a root file system that has it",
  };
}

function forbidden(path: string, mode: number): { readonly cause: string; readonly hint: string } {
  if ((mode & S_IFMT) === S_IFREG && (mode & ANY_EXECUTE) === 0)
    return { cause: "it is not executable", hint: `chmod +x ${path}` };
  return { cause: "its user may not execute it, or it lies on a mount with noexec", hint: "" };
}

function foreign(path: string, head: Uint8Array): { readonly cause: string; readonly hint: string } {
  const machine = elfMachine(head);
  if (machine !== undefined && machine !== OWN_MACHINE)
    return {
      cause: `it is built for ${MACHINES[machine] ?? `machine ${machine}`}, this machine is ${MACHINES[OWN_MACHINE]}`,
      hint: "use a program or root file system of this architecture",
    };
  if (machine !== undefined) return { cause: "it is a damaged program", hint: "" };
  return { cause: "it is neither a program nor a script that begins with #!", hint: `run it by a shell: sh ${path}` };
}

/** e_machine of an ELF header, elf(5). */
function elfMachine(head: Uint8Array): number | undefined {
  const elf = head.length >= 20 && head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
  return elf ? (head[18] ?? 0) | ((head[19] ?? 0) << 8) : undefined;
}

/** The `#!` line's path, or the PT_INTERP of an ELF program. */
function interpreter(head: Uint8Array): string | undefined {
  const script = /^#![ \t]*([^ \t\n]+)/.exec(new TextDecoder().decode(head));
  return script?.[1] ?? elfInterpreter(head);
}

/** What PT_INTERP names, elf(5), as far as it lies within `head`; all architectures that Linux runs on here are little-endian. */
function elfInterpreter(head: Uint8Array): string | undefined {
  if (elfMachine(head) === undefined || head.length < ELF_HEADER_BYTES) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const wide = head[4] === ELFCLASS64;
  const word = (at: number): number => (at + 4 <= head.length ? view.getUint32(at, true) : 0);
  const table = word(wide ? 32 : 28);
  const [size, count] = wide
    ? [view.getUint16(54, true), view.getUint16(56, true)]
    : [view.getUint16(42, true), view.getUint16(44, true)];
  for (let i = 0; i < count; i++) {
    const at = table + i * size;
    if (word(at) === PT_INTERP) return stringAt(head, word(at + (wide ? 8 : 4)), word(at + (wide ? 32 : 16)));
  }
  return undefined;
}

function stringAt(head: Uint8Array, offset: number, length: number): string | undefined {
  const text = new TextDecoder().decode(head.subarray(offset, offset + length)).replace(/\0.*$/s, "");
  return text === "" ? undefined : text;
}
