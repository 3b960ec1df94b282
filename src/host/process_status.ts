// What was done to this very process before it started: proc_pid_status(5), and its resource limits.
import { syscall } from "../../ffi/libc.ts";
import { readHostFile } from "./read_host_file.ts";

export type ProcessStatus = {
  readonly noNewPrivs: boolean;
  /** A seccomp filter is in force (mode 2): someone outside decides about our system calls. */
  readonly seccompFiltered: boolean;
  /** Capability sets, capabilities(7), as bit masks. */
  readonly effective: bigint;
  readonly bounding: bigint;
};

export const CAP = { CAP_SETGID: 6, CAP_SETUID: 7, CAP_SYS_ADMIN: 21, CAP_SETFCAP: 31 } as const;

export function readProcessStatus(): ProcessStatus {
  return parseProcessStatus(readHostFile("/proc/self/status") ?? "");
}

/** Missing lines read as: no restriction known, no capability held. */
export function parseProcessStatus(text: string): ProcessStatus {
  const field = (name: string): string | undefined => new RegExp(`^${name}:\\s*([0-9a-fA-F]+)`, "m").exec(text)?.[1];
  return {
    noNewPrivs: field("NoNewPrivs") === "1",
    seccompFiltered: field("Seccomp") === "2",
    effective: BigInt(`0x${field("CapEff") ?? "0"}`),
    bounding: BigInt(`0x${field("CapBnd") ?? "0"}`),
  };
}

export function hasCapability(set: bigint, capability: number): boolean {
  return ((set >> BigInt(capability)) & 1n) === 1n;
}

/** getrlimit(2). `undefined` is RLIM_INFINITY; sizes in bytes. */
export type RlimitPair = { readonly soft: number | undefined; readonly hard: number | undefined };
export const RLIMITS = { RLIMIT_DATA: 2, RLIMIT_NPROC: 6, RLIMIT_NOFILE: 7, RLIMIT_AS: 9 } as const;
export type Rlimits = Readonly<Record<keyof typeof RLIMITS, RlimitPair>>;

const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;

export function readRlimits(): Rlimits {
  const { RLIMIT_DATA, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_AS } = RLIMITS;
  return {
    RLIMIT_DATA: readRlimit(RLIMIT_DATA),
    RLIMIT_NPROC: readRlimit(RLIMIT_NPROC),
    RLIMIT_NOFILE: readRlimit(RLIMIT_NOFILE),
    RLIMIT_AS: readRlimit(RLIMIT_AS),
  };
}

function readRlimit(resource: number): RlimitPair {
  const pair = new BigUint64Array(2);
  syscall("prlimit64", "resource limits", 0, resource, 0, pair);
  const value = (limit = 0n): number | undefined => (limit === RLIM_INFINITY ? undefined : Number(limit));
  return { soft: value(pair[0]), hard: value(pair[1]) };
}
