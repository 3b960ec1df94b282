// --listen and what goes with it: judged before anything is bound, bound before anything runs.
import type { FaultError } from "../base/fault.ts";
import { usageFault } from "../base/fault.ts";
import type { Parsed } from "./command.ts";
import { type FlagReader, flagReader } from "./flag_reader.ts";
import { type Listen, parseListen } from "./parse/listen.ts";
import { bad, parseChoice, parseInteger } from "./parse/values.ts";

export type ListenRequest = {
  readonly listens: readonly Listen[];
  readonly mode: "listen-fd" | "inetd";
  readonly most: number;
  readonly mostPerAddress: number;
  /** Milliseconds. */
  readonly idleTimeout: number | undefined;
};

/** MaxConnections= of systemd.socket(5). */
const DEFAULT_MOST = 64;
const LARGEST_MOST = 65_536;
const WHAT = "Cannot listen (--listen)";
const FOR_INETD = ["--max-instances", "--max-instances-per-address"] as const;
const IDLE = "--idle-timeout";
const FLAGS = ["--listen", "--listen-mode", IDLE, ...FOR_INETD] as const;
/** systemd.time(7); a bare number is seconds. */
const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, "": 1e3, s: 1e3, m: 60e3, min: 60e3, h: 3600e3 };
const LONGEST_TIME = 365 * 86400e3;

/** What the command line asks; a usage fault for what does not go together. */
export function listenRequest(parsed: Parsed): ListenRequest {
  const flag = flagReader(parsed);
  const given = FLAGS.find((name) => flag.one(name) !== undefined);
  const listens = flag.all("--listen").map(parseListen);
  if (listens.length === 0) throw usageFault(`Cannot use ${given}`, "nothing is listened at", "add --listen tcp:8080");
  if (listens.filter(({ at }) => at.kind === "systemd").length > 1)
    throw usageFault(WHAT, "systemd is named twice", "once stands for all of its sockets");
  const mode = parseChoice("--listen-mode", flag.one("--listen-mode") ?? "listen-fd", ["listen-fd", "inetd"]);
  const contradiction = contradictionOf(flag, mode);
  if (contradiction) throw contradiction;
  const most = limitOf(flag, "--max-instances") ?? DEFAULT_MOST;
  const mostPerAddress = limitOf(flag, "--max-instances-per-address") ?? most;
  const idle = flag.one(IDLE);
  return { listens, mode, most, mostPerAddress, idleTimeout: idle === undefined ? undefined : parseTime(IDLE, idle) };
}

function parseTime(flag: string, text: string): number {
  const [, number, unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|min|m|h)?$/.exec(text) ?? [];
  const time = Number(number) * (TIME_UNITS[unit] ?? Number.NaN);
  if (time > 0 && time <= LONGEST_TIME) return time;
  throw bad(flag, text, "a time of at most a year, as 30s, 5min or 1h");
}

function contradictionOf(flag: FlagReader, mode: ListenRequest["mode"]): FaultError | undefined {
  const limit = FOR_INETD.find((name) => flag.one(name) !== undefined);
  if (flag.has("--tty")) return usageFault(WHAT, "a command that serves clients has no terminal", "drop --tty");
  if (flag.one("--preserve-fds") !== undefined)
    return usageFault(WHAT, "descriptors from 3 on are the sockets' (--preserve-fds)", "drop --preserve-fds");
  if (mode === "listen-fd" && limit)
    return usageFault(
      `Cannot use ${limit}`,
      "with --listen-mode listen-fd there is one instance",
      "add --listen-mode inetd",
    );
  if (mode === "inetd" && flag.one(IDLE) !== undefined)
    return usageFault(
      `Cannot use ${IDLE}`,
      "with --listen-mode inetd an instance lasts as long as its client",
      `drop ${IDLE}`,
    );
  if (flag.one(IDLE) !== undefined && flag.all("--listen").some((text) => parseListen(text).at.kind === "unix"))
    return usageFault(`Cannot use ${IDLE}`, "the kernel does not tell when a unix socket was in use", `drop ${IDLE}`);
  if (mode === "inetd" && flag.one("--name") !== undefined)
    return usageFault(WHAT, "a name is one instance's, not each one's (--name)", "drop --name");
  if (mode === "inetd" && (flag.has("--publish-all") || flag.one("--publish") !== undefined))
    return usageFault(WHAT, "a port is published by one instance, not by each (--publish)", "drop --publish");
  return undefined;
}

function limitOf(flag: FlagReader, name: (typeof FOR_INETD)[number]): number | undefined {
  const text = flag.one(name);
  return text === undefined ? undefined : parseInteger(name, text, 1, LARGEST_MOST);
}

/**
 * The same run as a command line of its own, without the listening: what `more` says is added, and wins. Written so that the short way
 * (express_arguments.ts) takes what it can.
 */
export function instanceWords(parsed: Parsed, more: readonly string[]): readonly string[] {
  const left = new Set<string>([...FLAGS, "--no-die-with-parent", "--die-with-parent"]);
  const words: string[] = ["sandbox", "run"];
  for (const name of parsed.switches) if (!left.has(name)) words.push(name);
  for (const [name, values] of parsed.values) {
    // What was to be pulled has been, before the first client.
    if (left.has(name) || (name === "--pull" && values[0] === "always")) continue;
    for (const value of values) words.push(name, value);
  }
  return [...words, ...more, "--", ...parsed.positionals];
}
