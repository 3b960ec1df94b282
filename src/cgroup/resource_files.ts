// `linux.resources` → files of version 2 of control groups (Linux Documentation/admin-guide/cgroup-v2.rst, "Controllers") and their
// content. The OCI specification speaks of version 1; where the two differ, the conversion is that of crun and runc. Pure.
import type { DeviceRate, Resources } from "../spec/resources.ts";

/** In the order in which they are spoken of. */
export const CONTROLLERS = ["memory", "cpu", "pids", "io", "cpuset", "hugetlb", "rdma", "misc"] as const;
export type Controller = (typeof CONTROLLERS)[number];

export type ResourceFile = {
  readonly controller: Controller;
  readonly file: string;
  readonly content: string;
  /** A kernel without the file has nothing that it could hold back. */
  readonly isOptional?: true;
};

const NO_LIMIT = "max";
const DEFAULT_PERIOD = 100_000;

/** In the order in which they are written: what is a bound first, so that nothing runs without it. */
export function resourceFiles({ memory, cpu, pids, blockIO, hugepageLimits, unified }: Resources): ResourceFile[] {
  return [
    ...memoryFiles(memory ?? {}),
    ...cpuFiles(cpu ?? {}),
    ...(pids ? [file("pids.max", limitText(pids.limit))] : []),
    ...ioFiles(blockIO ?? {}),
    ...(hugepageLimits ?? []).flatMap(({ pageSize, limit }): ResourceFile[] => [
      file(`hugetlb.${pageSize}.max`, limitText(limit)),
      { ...file(`hugetlb.${pageSize}.rsvd.max`, limitText(limit)), isOptional: true },
    ]),
    ...Object.entries(unified ?? {}).map(([name, content]) => file(name, content)),
  ];
}

/** Those whose files are written. */
export function neededControllers(files: readonly ResourceFile[]): readonly Controller[] {
  return CONTROLLERS.filter((controller) => files.some((one) => one.controller === controller));
}

/** `memory` of `memory.max`; `undefined` for what no controller has. */
export function controllerOf(name: string): Controller | undefined {
  const prefix = name.slice(0, name.indexOf("."));
  return CONTROLLERS.find((controller) => controller === prefix);
}

function file(name: string, content: string): ResourceFile {
  const controller = controllerOf(name);
  if (controller === undefined) throw new RangeError(`no controller has the file ${name}`);
  return { controller, file: name, content };
}

function limitText(limit: number): string {
  return limit < 0 ? NO_LIMIT : String(limit);
}

// Swap is counted apart in version 2. Without the file no swap is accounted for, or there is none.
function memoryFiles({ limit, reservation, swap }: NonNullable<Resources["memory"]>): readonly ResourceFile[] {
  const swapText = swap === undefined ? undefined : swap < 0 || limit === undefined || limit < 0 ? -1 : swap - limit;
  return [
    ...(limit === undefined ? [] : [file("memory.max", limitText(limit))]),
    ...(swapText === undefined
      ? []
      : [{ ...file("memory.swap.max", limitText(swapText)), ...(swapText <= 0 && { isOptional: true as const }) }]),
    ...(reservation === undefined ? [] : [file("memory.low", limitText(reservation))]),
  ];
}

function cpuFiles({ shares, quota, period, cpus, mems }: NonNullable<Resources["cpu"]>): readonly ResourceFile[] {
  const isBound = quota !== undefined || period !== undefined;
  const share = quota === undefined || quota < 0 ? NO_LIMIT : String(quota);
  return [
    ...(isBound ? [file("cpu.max", `${share} ${period ?? DEFAULT_PERIOD}`)] : []),
    ...(shares === undefined || shares === 0 ? [] : [file("cpu.weight", String(weightOfShares(shares)))]),
    ...(cpus === undefined ? [] : [file("cpuset.cpus", cpus)]),
    ...(mems === undefined ? [] : [file("cpuset.mems", mems)]),
  ];
}

/** From [2, 262144] to [1, 10000], with 1024, the one default, at 100, the other, as newer runtimes do it. */
export function weightOfShares(shares: number): number {
  const bounded = Math.min(262_144, Math.max(2, shares));
  const l = Math.log2(bounded);
  return Math.min(10_000, Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34)));
}

/** From [10, 1000] to [1, 10000]. */
export function weightOfBlkio(weight: number): number {
  return Math.trunc(1 + ((weight - 10) * 9999) / 990);
}

const RATES = [
  ["throttleReadBpsDevice", "rbps"],
  ["throttleWriteBpsDevice", "wbps"],
  ["throttleReadIOPSDevice", "riops"],
  ["throttleWriteIOPSDevice", "wiops"],
] as const;

/** One line of io.max a write: what it does not name keeps its value. */
function ioFiles(blockIO: NonNullable<Resources["blockIO"]>): readonly ResourceFile[] {
  const { weight } = blockIO;
  const lines = RATES.flatMap(([field, key]) => (blockIO[field] ?? []).map((rate) => rateLine(rate, key)));
  return [
    ...(weight === undefined ? [] : [file("io.weight", `default ${weightOfBlkio(weight)}`)]),
    ...lines.map((line) => file("io.max", line)),
  ];
}

function rateLine({ major, minor, rate }: DeviceRate, key: string): string {
  return `${major}:${minor} ${key}=${rate}`;
}
