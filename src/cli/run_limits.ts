// Limits of `run`, in podman's words where it has them, → `linux.resources`. Loaded only where one is given. Pure but for the look at devices.
import { usageFault } from "../base/fault.ts";
import { controllerOf } from "../cgroup/resource_files.ts";
import type { BlockDevice } from "../host/block_device.ts";
import type { DeviceRate, Resources } from "../spec/resources.ts";
import type { Extension } from "../spec/spec.ts";
import type { Parsed } from "./command.ts";
import { type FlagReader, flagReader } from "./flag_reader.ts";
import { bad, parseChoice, parseInteger, parseSize } from "./parse/values.ts";

export type RunCgroup = { readonly cgroup: NonNullable<Extension["cgroup"]>; readonly resources: Resources };
export type DeviceLookup = (path: string) => BlockDevice | undefined;

/** A weight of version 2. */
const [LEAST_WEIGHT, MOST_WEIGHT] = [1, 10_000];
const PERIOD = 100_000;
/** Microseconds of a period: kernel/sched/core.c, min_cfs_quota_period. */
const LEAST_QUOTA = 1000;
/** What a sandbox can start in at all. */
const LEAST_MEMORY = 1 << 20;
const MOST_PIDS = 1 << 22;

/** `undefined` where no control group is asked for. */
export function runLimits(parsed: Parsed, device: DeviceLookup): RunCgroup | undefined {
  const flag = flagReader(parsed);
  const choice = parseChoice("--cgroups", flag.one("--cgroups") ?? "auto", ["auto", "disabled", "delegate"]);
  const resources = resourcesOf(flag, device);
  const isLimited = Object.keys(resources).length > 0;
  if (choice === "disabled" && isLimited)
    throw usageFault(
      "Cannot set limits (--cgroups disabled)",
      "they are those of a control group, which that does without",
      "drop --cgroups, or take limits of single processes: --ulimit",
    );
  return isLimited || choice === "delegate" ? { cgroup: { delegate: choice === "delegate" }, resources } : undefined;
}

function resourcesOf(flag: FlagReader, device: DeviceLookup): Resources {
  const memory = memoryOf(flag);
  const cpu = cpuOf(flag);
  const blockIO = ioOf(flag, device);
  const pids = flag.one("--pids-limit");
  const hugetlb = flag.all("--hugetlb").map(hugepageLimit);
  const unified = { ...unifiedOf(flag), ...confOf(flag) };
  return {
    ...(memory && { memory }),
    ...(cpu && { cpu }),
    ...(pids !== undefined && { pids: { limit: pidsLimit(pids) } }),
    ...(blockIO && { blockIO }),
    ...(hugetlb.length > 0 && { hugepageLimits: hugetlb }),
    ...(Object.keys(unified).length > 0 && { unified }),
  };
}

/** The limit is of all of it: swap has to be asked for. */
function memoryOf(flag: FlagReader): Resources["memory"] {
  const [limitText, swapText, low] = ["--memory", "--memory-swap", "--memory-low"].map((name) => flag.one(name));
  if (swapText !== undefined && limitText === undefined)
    throw usageFault("Cannot use --memory-swap", "it is memory and swap together, and needs --memory beside it");
  if (limitText === undefined) return low === undefined ? undefined : { reservation: parseSize("--memory-low", low) };
  const limit = memorySize("--memory", limitText);
  return {
    limit,
    swap: swapText === undefined ? limit : swapSize(swapText, limit),
    ...(low !== undefined && { reservation: parseSize("--memory-low", low) }),
  };
}

function memorySize(flag: string, text: string): number {
  const size = parseSize(flag, text);
  if (size >= LEAST_MEMORY) return size;
  throw usageFault(`Cannot use ${flag} ${text}`, "no sandbox can start with less than 1 MiB");
}

function swapSize(text: string, limit: number): number {
  if (text === "-1" || text === "unlimited") return -1;
  const swap = parseSize("--memory-swap", text);
  if (swap >= limit) return swap;
  throw usageFault(`Cannot use --memory-swap ${text}`, "it is memory and swap together, and less than --memory");
}

function cpuOf(flag: FlagReader): Resources["cpu"] {
  const [amount, cpus, mems] = ["--cpus", "--cpuset-cpus", "--cpuset-mems"].map((name) => flag.one(name));
  if (amount === undefined && cpus === undefined && mems === undefined) return undefined;
  return {
    ...(amount !== undefined && { quota: quotaOf(amount), period: PERIOD }),
    ...(cpus !== undefined && { cpus: listOf("--cpuset-cpus", cpus) }),
    ...(mems !== undefined && { mems: listOf("--cpuset-mems", mems) }),
  };
}

function quotaOf(text: string): number {
  const quota = /^\d{1,6}(\.\d{1,6})?$|^\.\d{1,6}$/.test(text) ? Math.round(Number(text) * PERIOD) : Number.NaN;
  if (quota >= LEAST_QUOTA) return quota;
  throw bad("--cpus", text, `a number of CPUs such as 1.5, and at least ${LEAST_QUOTA / PERIOD}`);
}

/** cpuset(7), "List format". */
function listOf(flag: string, text: string): string {
  const isList = text.split(",").every((part) => {
    const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    return first !== undefined && (last === undefined || Number(first) <= Number(last));
  });
  if (!isList) throw bad(flag, text, "numbers and ranges such as 0-3,6");
  return text;
}

function pidsLimit(text: string): number {
  return text === "-1" || text === "unlimited" ? -1 : parseInteger("--pids-limit", text, 1, MOST_PIDS);
}

const RATES = [
  ["--device-read-bps", "throttleReadBpsDevice", parseSize],
  ["--device-write-bps", "throttleWriteBpsDevice", parseSize],
  ["--device-read-iops", "throttleReadIOPSDevice", operations],
  ["--device-write-iops", "throttleWriteIOPSDevice", operations],
] as const;

function ioOf(flag: FlagReader, device: DeviceLookup): Resources["blockIO"] {
  const rates = RATES.flatMap(([name, field, parse]) => {
    const list = flag.all(name).map((text) => deviceRate(name, text, parse, device));
    return list.length > 0 ? [[field, list] as const] : [];
  });
  return rates.length > 0 ? Object.fromEntries(rates) : undefined;
}

function operations(flag: string, text: string): number {
  return parseInteger(flag, text, 1, Number.MAX_SAFE_INTEGER);
}

/** `/dev/sda:1mb`, or by number, `8:0:1mb`. */
function deviceRate(
  flag: string,
  text: string,
  parse: (flag: string, text: string) => number,
  device: DeviceLookup,
): DeviceRate {
  const [, path, amount] = /^(\/.*|\d{1,4}:\d{1,7}):([^:]+)$/.exec(text) ?? [];
  if (path === undefined || amount === undefined) throw bad(flag, text, "DEVICE:RATE such as /dev/sda:10m");
  const number = path.startsWith("/") ? device(path) : numberOf(path);
  if (number === undefined)
    throw usageFault(`Cannot use ${flag} ${text}`, `${path} is no block device`, "see which there are: lsblk -p");
  return { ...number, rate: parse(flag, amount) };
}

function numberOf(text: string): BlockDevice {
  const [major = 0, minor = 0] = text.split(":").map(Number);
  return { major, minor };
}

/** `2MB:64m`. */
function hugepageLimit(text: string): { readonly pageSize: string; readonly limit: number } {
  const [, pageSize, amount] = /^(\d{1,6}[KMG]B):(\S+)$/.exec(text) ?? [];
  if (pageSize === undefined || amount === undefined) throw bad("--hugetlb", text, "PAGESIZE:LIMIT such as 2MB:64m");
  return { pageSize, limit: amount === "0" ? 0 : parseSize("--hugetlb", amount) };
}

/** What the specification has no field for. */
function unifiedOf(flag: FlagReader): Readonly<Record<string, string>> {
  const [high, cpuWeight, ioWeight] = ["--memory-high", "--cpu-weight", "--io-weight"].map((name) => flag.one(name));
  const weight = (name: string, text: string): number => parseInteger(name, text, LEAST_WEIGHT, MOST_WEIGHT);
  return {
    ...(high !== undefined && { "memory.high": String(memorySize("--memory-high", high)) }),
    ...(cpuWeight !== undefined && { "cpu.weight": String(weight("--cpu-weight", cpuWeight)) }),
    ...(ioWeight !== undefined && { "io.weight": `default ${weight("--io-weight", ioWeight)}` }),
  };
}

/** Any file of a controller's by its name; those of `cgroup.` are the program's own to write. */
function confOf(flag: FlagReader): Readonly<Record<string, string>> {
  const pairs = flag.all("--cgroup-conf").map((text) => {
    const [, name, content] = /^([a-z]+(?:\.[A-Za-z0-9_]+)+)=([\x20-\x7e]{1,200})$/.exec(text) ?? [];
    if (name === undefined || content === undefined || controllerOf(name) === undefined)
      throw bad("--cgroup-conf", text, "a file of a controller's and its content, such as memory.high=1073741824");
    return [name, content] as const;
  });
  return Object.fromEntries(pairs);
}
