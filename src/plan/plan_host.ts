// Descriptors, host name and clocks: what is set before the file system is touched.
import type { Spec, TimeOffset } from "../spec/spec.ts";
import { CLONE } from "./constants.ts";
import type { ExecInputs } from "./plan_process.ts";
import type { Program } from "./program.ts";
import { named } from "./step.ts";

const FIRST = 3;
const CLOSE_RANGE_CLOEXEC = 4;

/** Everything above standard error closes at execve, but the descriptors asked for and the status pipe that PID 1 reports on. */
export function planDescriptors(program: Program, spec: Spec, { statusFd, parentOnly }: ExecInputs): void {
  const aim = { kind: "descriptors" } as const;
  const F_SETFD = named(2, "F_SETFD");
  for (const fd of parentOnly) program.add(aim, "close", [fd]);
  program.add(aim, "close_range", [FIRST, 0xffffffff, named(CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC")]);
  for (let fd = FIRST; fd < FIRST + spec.sandbox.preserveFds; fd++) program.add(aim, "fcntl", [fd, F_SETFD, 0]);
  program.add(aim, "fcntl", [statusFd, F_SETFD, 0]);
}

export function planHostname(program: Program, { hostname, domainname }: Spec): void {
  const length = (text: string): number => new TextEncoder().encode(text).length;
  if (hostname !== undefined)
    program.add({ kind: "hostname", name: hostname }, "sethostname", [hostname, length(hostname)]);
  if (domainname !== undefined)
    program.add({ kind: "domainname", name: domainname }, "setdomainname", [domainname, length(domainname)]);
}

/** time_namespaces(7): offsets are written before the first process enters, which this one does at its execve. */
export function planTime(program: Program, spec: Spec): void {
  if (!spec.linux.namespaces.some(({ type }) => type === "time")) return;
  const aim = { kind: "time" } as const;
  program.add(aim, "unshare", [named(CLONE.CLONE_NEWTIME, "CLONE_NEWTIME")]);
  const line = ([clock, offset]: [string, TimeOffset]): string => `${clock} ${offset.secs} ${offset.nanosecs}\n`;
  const lines = Object.entries(spec.linux.timeOffsets ?? {})
    .map(line)
    .join("");
  if (lines !== "") program.writeFile(aim, "/proc/self/timens_offsets", lines);
}
