// --seccomp FILE: a profile in the OCI runtime-spec's or Docker's form.
import { readText } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { requestFault } from "../base/fault.ts";
import type { NativeArch } from "../seccomp/arch.ts";
import { compilePolicy } from "../seccomp/compile_policy.ts";
import { parseSeccompProfile } from "../seccomp/oci_profile.ts";
import { note } from "./say.ts";

const LIMIT = 4 << 20;
/** One thread installs the filter and nothing else runs yet (TSYNC); the kernel decides the other two by itself since 5.16. */
const HARMLESS_FLAGS: readonly string[] = [
  "SECCOMP_FILTER_FLAG_TSYNC",
  "SECCOMP_FILTER_FLAG_LOG",
  "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
];

export function profileFilter(path: string, arch: NativeArch, capabilities: ReadonlySet<string>): Uint8Array {
  const result = parseSeccompProfile(read(path), { arch, capabilities, kernel: kernelVersion() });
  if (result.kind === "problems")
    throw requestFault(
      `Cannot use the seccomp profile ${path}`,
      result.problems.map(({ path: at, message }) => (at === "" ? message : `${at}: ${message}`)).join("\n  "),
      "",
    );
  if (result.listener !== undefined || result.flags.length > 0) refuseUnsupported(path, result.flags);
  if (result.unknownNames.length > 0)
    note(`${path} names system calls that this kernel's table does not have: ${result.unknownNames.join(", ")}`);
  return compilePolicy(result.policy);
}

// A flag changes what the filter means, and a listener is half of it: neither is left out silently.
function refuseUnsupported(path: string, flags: readonly string[]): void {
  const asked = flags.filter((flag) => !HARMLESS_FLAGS.includes(flag));
  if (asked.length === 0 && flags.length > 0) return;
  const what = asked.length > 0 ? `the flags ${asked.join(", ")}` : "listenerPath (user notification)";
  throw requestFault(
    `Cannot use the seccomp profile ${path}`,
    `sandbox does not offer ${what}`,
    "take it out of the profile",
  );
}

function read(path: string): string {
  try {
    const text = readText(path, LIMIT);
    if (text !== undefined) return text;
  } catch (error) {
    if (!(error instanceof SyscallError || error instanceof RangeError)) throw error;
    throw requestFault(`Cannot read the seccomp profile ${path}`, error.message);
  }
  throw requestFault(
    `Cannot read the seccomp profile ${path}`,
    "there is no such file",
    "or did you mean --seccomp unconfined?",
  );
}

function kernelVersion(): readonly [number, number] {
  const release = readText("/proc/sys/kernel/osrelease") ?? "";
  const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
  return [major, minor];
}
