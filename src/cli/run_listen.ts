// --listen and what goes with it: judged before anything is bound, bound before anything runs.
import type { FaultError } from "../base/fault.ts";
import { usageFault } from "../base/fault.ts";
import type { Parsed } from "./command.ts";
import { type FlagReader, flagReader } from "./flag_reader.ts";
import { parseDuration } from "./parse/duration.ts";
import { type Listen, parseListen } from "./parse/listen.ts";
import { parseChoice, parseInteger } from "./parse/values.ts";

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
  return {
    listens,
    mode,
    most,
    mostPerAddress,
    idleTimeout: idle === undefined ? undefined : parseDuration(IDLE, idle),
  };
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
