// --seccomp FILE: a profile in the OCI runtime-spec's or Docker's form.
import { readText } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { requestFault } from "../base/fault.ts";
import type { NativeArch } from "../seccomp/arch.ts";
import { compilePolicy } from "../seccomp/compile_policy.ts";
import { parseSeccompProfile } from "../seccomp/oci_profile.ts";

const LIMIT = 4 << 20;

export function profileFilter(path: string, arch: NativeArch, capabilities: ReadonlySet<string>, emulateRoot: boolean): Uint8Array {
  if (emulateRoot) throw requestFault("Cannot emulate root (--emulate-root)", "a profile of your own replaces the filter that does it", "add --no-emulate-root");
  const result = parseSeccompProfile(read(path), { arch, capabilities, kernel: kernelVersion() });
  if (result.kind === "problems") throw requestFault(`Cannot use the seccomp profile ${path}`, result.problems.map(({ path: at, message }) => `${at}: ${message}`).join("\n  "), "");
  return compilePolicy(result.policy);
}

function read(path: string): string {
  try {
    const text = readText(path, LIMIT);
    if (text !== undefined) return text;
  } catch (error) {
    if (!(error instanceof SyscallError || error instanceof RangeError)) throw error;
    throw requestFault(`Cannot read the seccomp profile ${path}`, error.message);
  }
  throw requestFault(`Cannot read the seccomp profile ${path}`, "there is no such file", "or did you mean --seccomp unconfined?");
}

function kernelVersion(): readonly [number, number] {
  const release = readText("/proc/sys/kernel/osrelease") ?? "";
  const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
  return [major, minor];
}
