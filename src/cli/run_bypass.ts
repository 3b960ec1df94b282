// What `--net fast` asks for beside --net slirp, checked before anything starts: it holds by the default filter, by Landlock and by
// pidfds of threads; and what is to be seen or slowed down must not go by.
import { type FaultError, requestFault, usageFault } from "../base/fault.ts";
import { atLeast, readKernel } from "../host/kernel.ts";
import { connectFilterText } from "../seccomp/connect_filter.ts" with { type: "macro" };
import type { Spec } from "../spec/spec.ts";

/** Landlock's network rules came with 6.7, PIDFD_THREAD with 6.9. */
const LEAST_KERNEL = { major: 6, minor: 9 } as const;

/** The filter that such a sandbox has in addition. */
export function bypassFilter({ sandbox: { seccomp, network } }: Spec): Uint8Array {
  if (seccomp.kind !== "default")
    throw wrong("another seccomp filter than the default one may let calls by that connect", "drop --seccomp");
  const misplaced = network?.shape
    ? "--net-rate, --net-delay and --net-loss"
    : network?.pcap
      ? "--net-pcap"
      : undefined;
  if (misplaced !== undefined)
    throw wrong(`connections that bypass the stack would bypass ${misplaced}`, "use --net slirp");
  const kernel = readKernel();
  if (!atLeast(kernel, LEAST_KERNEL))
    throw requestFault("Cannot use --net fast", `it needs Linux 6.9, this is ${kernel.release}`, "use --net slirp");
  return Uint8Array.fromBase64(process.arch === "arm64" ? connectFilterText("aarch64") : connectFilterText("x86_64"));
}

function wrong(cause: string, hint: string): FaultError {
  return usageFault("Cannot use --net fast", cause, hint);
}
