// Tests of a sandbox whose connections may be the host's own sockets: what they need of the kernel.
import { release } from "node:os";
import { rawSyscall } from "../../ffi/libc.ts";
import { NO_NETWORK } from "./network_inside.ts";

export const FAST = ["--net", "fast:host-loopback"] as const;

const LANDLOCK_CREATE_RULESET_VERSION = 1;
/** LANDLOCK_ACCESS_NET_*. */
const NETWORK_RULES = 4;

/** Why there is no --net fast, if so. */
export const NO_FAST = NO_NETWORK ?? oldKernel() ?? noLandlock();

function oldKernel(): string | undefined {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 9) ? undefined : `the kernel is ${release()}`;
}

function noLandlock(): string | undefined {
  const version = rawSyscall("landlock_create_ruleset", 0, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version >= NETWORK_RULES ? undefined : `Landlock has no network rules (${version})`;
}
