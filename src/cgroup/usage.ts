// What a control group has used, from its files (cgroup-v2, "Core Interface Files" and "Controllers"). Pure: their texts are given. What is not there
// is left out.

export type Usage = {
  readonly cpu?: { readonly userSeconds: number; readonly systemSeconds: number; readonly throttledSeconds?: number };
  /** Bytes. */
  readonly memory?: { readonly peak?: number; readonly swapPeak?: number };
  readonly pids?: { readonly peak?: number };
  /** Bytes and operations of all devices. */
  readonly io?: {
    readonly readBytes: number;
    readonly writtenBytes: number;
    readonly reads: number;
    readonly writes: number;
  };
  /** Seconds for which at least one process waited. */
  readonly pressure?: { readonly [resource in "cpu" | "memory" | "io"]?: number };
  readonly oomKills?: number;
};

export type ReadFile = (name: string) => string | undefined;

export function usageOf(read: ReadFile): Usage {
  const memory = { ...bytes("peak", read("memory.peak")), ...bytes("swapPeak", read("memory.swap.peak")) };
  const pids = bytes("peak", read("pids.peak"));
  const cpu = cpuOf(keyed(read("cpu.stat")));
  const io = read("io.stat");
  const pressure = pressureOf(read);
  const oomKills = keyed(read("memory.events")).get("oom_kill");
  return {
    ...(cpu && { cpu }),
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(Object.keys(pids).length > 0 && { pids }),
    ...(io !== undefined && { io: ioOf(io) }),
    ...(Object.keys(pressure).length > 0 && { pressure }),
    ...(oomKills !== undefined && { oomKills }),
  };
}

export type Oom = {
  /** Processes that were killed for lack of memory. */
  readonly kills: number;
  /** Whose limit was reached: the group's own, one of a group below it, or one further up, be it the machine's. */
  readonly limit: "own" | "below" | "above";
};

/** `oom` is counted in the group whose limit it was and, but for `.local`, in those above. */
export function oomOf(read: ReadFile): Oom {
  const [events, own] = [keyed(read("memory.events")), keyed(read("memory.events.local"))];
  const limit = (own.get("oom") ?? 0) > 0 ? "own" : (events.get("oom") ?? 0) > 0 ? "below" : "above";
  return { kills: events.get("oom_kill") ?? 0, limit };
}

/** Lines of `KEY NUMBER`. */
function keyed(text: string | undefined): ReadonlyMap<string, number> {
  return new Map(
    (text ?? "").split("\n").flatMap((line): (readonly [string, number])[] => {
      const [, key, number] = /^([a-z_.]{1,64}) (\d{1,20})$/.exec(line) ?? [];
      return key === undefined ? [] : [[key, Number(number)]];
    }),
  );
}

function bytes<K extends string>(key: K, text: string | undefined): { readonly [P in K]?: number } {
  return /^\d{1,20}\s*$/.test(text ?? "") ? ({ [key]: Number(text) } as { readonly [P in K]?: number }) : {};
}

function cpuOf(stat: ReadonlyMap<string, number>): Usage["cpu"] {
  const [user, system, throttled] = ["user_usec", "system_usec", "throttled_usec"].map((key) => stat.get(key));
  if (user === undefined || system === undefined) return undefined;
  return {
    userSeconds: user / 1e6,
    systemSeconds: system / 1e6,
    ...(throttled !== undefined && { throttledSeconds: throttled / 1e6 }),
  };
}

function ioOf(text: string): NonNullable<Usage["io"]> {
  const sum = (key: string): number =>
    [...text.matchAll(new RegExp(`(?<= )${key}=(\\d{1,20})(?= |$)`, "gm"))].reduce((all, [, n]) => all + Number(n), 0);
  return { readBytes: sum("rbytes"), writtenBytes: sum("wbytes"), reads: sum("rios"), writes: sum("wios") };
}

function pressureOf(read: ReadFile): NonNullable<Usage["pressure"]> {
  const found = (["cpu", "memory", "io"] as const).flatMap((resource) => {
    const total = /^some .*\btotal=(\d{1,20})$/m.exec(read(`${resource}.pressure`) ?? "")?.[1];
    return total === undefined ? [] : [[resource, Number(total) / 1e6] as const];
  });
  return Object.fromEntries(found);
}
