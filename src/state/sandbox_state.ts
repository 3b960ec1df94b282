// What is written down of a running sandbox, state.json: the state of the OCI runtime specification ("State", v1.2) without a bundle, which
// there is none of, and beside it what other commands of ours ask. Pure.
import { type Fields, readJson, textOf } from "./fields.ts";
import { isSandboxId, isSandboxName } from "./sandbox_name.ts";

export type SandboxState = {
  readonly id: string;
  readonly name: string | undefined;
  readonly status: "creating" | "running";
  /** ISO 8601. */
  readonly created: string;
  /** PID 1 of the sandbox, as its supervisor sees it. */
  readonly init: InitProcess | undefined;
  /** What runs inside, cut off where it is long: for people. */
  readonly command: readonly string[];
  readonly network: NetworkState;
  /** The folder of the control group that has its limits, if it has one. */
  readonly cgroup?: string | undefined;
};

/** A number alone may be another process's by now. */
export type InitProcess = {
  readonly pid: number;
  /** Clock ticks since boot, proc_pid_stat(5). */
  readonly startTime: string;
};

export type NetworkState = {
  /** As `--net` has it. */
  readonly mode: string;
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  /** Content of /etc/resolv.conf, and what /etc/hosts has beside the sandbox's own name. */
  readonly resolver: { readonly resolvConf: string; readonly hosts: string } | undefined;
};

const OCI_VERSION = "1.2.0";
/** PID_MAX_LIMIT, include/linux/threads.h. */
const LARGEST_PID = 1 << 22;
const MOST_WORDS = 4096;
const LONGEST_COMMAND = 4096;
export const LARGEST_STATE = 1 << 20;
const ANY = /^[\s\S]*$/;
const TICKS = /^\d{1,20}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
const MODE = /^[a-z0-9][\w.:-]{0,127}$/;
/** Absolute, and without a step up. */
const GROUP = /^(?!.*\/\.\.(\/|$))\/[^\p{Cc}]{1,4000}$/u;
const ADDRESS = /^[0-9a-f.:]{2,45}\/\d{1,3}$/;

export function formatState({ id, name, status, created, init, command, network, cgroup }: SandboxState): string {
  const state = {
    ociVersion: OCI_VERSION,
    id,
    status,
    ...init,
    ...(name !== undefined && { name }),
    created,
    command: shortened(command),
    network,
    ...(cgroup !== undefined && { cgroup }),
  };
  return `${JSON.stringify(state)}\n`;
}

/** `undefined` for what is none, or one of another version that says it otherwise. */
export function parseState(text: string): SandboxState | undefined {
  if (text.length > LARGEST_STATE) return undefined;
  return readJson(text, (fields) => {
    const state: SandboxState = {
      id: fields.text("id", ANY),
      name: fields.has("name") ? fields.text("name", ANY) : undefined,
      status: fields.oneOf("status", ["creating", "running"]),
      created: fields.text("created", TIME),
      init: fields.has("pid")
        ? { pid: fields.number("pid", 1, LARGEST_PID), startTime: fields.text("startTime", TICKS) }
        : undefined,
      command: fields.list("command", MOST_WORDS, (word) => textOf(word, ANY)),
      network: networkOf(fields.object("network")),
      ...(fields.has("cgroup") && { cgroup: fields.text("cgroup", GROUP) }),
    };
    return isSound(state) ? state : undefined;
  });
}

function isSound({ id, name, status, init }: SandboxState): boolean {
  const isNamed = name === undefined || isSandboxName(name);
  return isSandboxId(id) && isNamed && (status === "running") === (init !== undefined);
}

function networkOf(fields: Fields): NetworkState {
  const resolver = fields.has("resolver") ? fields.object("resolver") : undefined;
  return {
    mode: fields.text("mode", MODE),
    ipv4: fields.has("ipv4") ? fields.text("ipv4", ADDRESS) : undefined,
    ipv6: fields.has("ipv6") ? fields.text("ipv6", ADDRESS) : undefined,
    resolver: resolver && { resolvConf: resolver.text("resolvConf", ANY), hosts: resolver.text("hosts", ANY) },
  };
}

function shortened(command: readonly string[]): readonly string[] {
  const words: string[] = [];
  let room = LONGEST_COMMAND;
  for (const word of command) {
    if (room <= 0) break;
    words.push(word.length > room ? `${word.slice(0, room)}…` : word);
    room -= word.length + 1;
  }
  return words;
}
