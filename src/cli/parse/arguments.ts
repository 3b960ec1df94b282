// Command line → flags and positionals. The one module that knows the argument library.
import arg from "arg";
import { type FaultError, usageFault } from "../../base/fault.ts";
import type { Command, Flag, Parsed } from "../command.ts";
import { nearest } from "./nearest.ts";

/** Throws a usage fault (exit 2) naming the flag and the nearest one that exists. */
export function parseArguments(command: Command, argv: readonly string[]): Parsed {
  const { words, held } = holdValues(command, argv);
  const take = (index: string): string => held[Number(index)] ?? "";
  const spec: Record<string, unknown> = {};
  for (const flag of command.flags) {
    spec[flag.name] = flag.value === undefined ? arg.COUNT : [take];
    if (flag.short) spec[flag.short] = flag.name;
  }
  const { _: positionals, ...rest } = attempt(command, () => arg(spec as arg.Spec, { argv: [...words] }));
  const values = new Map<string, readonly string[]>();
  const switches = new Set<string>();
  for (const [name, value] of Object.entries(rest)) {
    if (Array.isArray(value)) values.set(name, value);
    else switches.add(name);
  }
  refuseRepeats(command, values);
  return { switches, values, positionals };
}

type Held = { readonly words: readonly string[]; readonly held: readonly string[] };

// The library cuts a value at its first line break and takes one that begins with a dash for a flag. So it gets `--flag=N`,
// where N is the place of the value in `held`, whichever way the value was written: `--flag V`, `--flag=V`, `-f V`, `-fV`.
function holdValues(command: Command, argv: readonly string[]): Held {
  const words: string[] = [];
  const held: string[] = [];
  const rest = [...argv];
  const hold = (flag: Flag, attached: string | undefined): void => {
    const value = attached ?? rest.shift();
    if (value === undefined) words.push(flag.name);
    else words.push(`${flag.name}=${held.push(value) - 1}`);
  };
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") return { words: [...words, "--", ...rest], held };
    if (word === "-" || !word.startsWith("-")) {
      if (command.passthrough) return { words: [...words, "--", word, ...rest], held };
      words.push(word);
    } else if (word.startsWith("--")) readLong(command, word, words, hold);
    else readShort(command, word, words, hold);
  }
  return { words, held };
}

type Hold = (flag: Flag, attached: string | undefined) => void;

function readLong(command: Command, word: string, words: string[], hold: Hold): void {
  const at = word.indexOf("=");
  const name = at < 0 ? word : word.slice(0, at);
  const flag = command.flags.find((candidate) => candidate.name === name);
  if (flag?.value !== undefined) hold(flag, at < 0 ? undefined : word.slice(at + 1));
  else if (flag && at >= 0) throw refusal(command, `${name} takes no value`);
  else words.push(name);
}

// `-it`, `-eNAME=value`, `-itv /a:/b`, as docker and podman take them.
function readShort(command: Command, word: string, words: string[], hold: Hold): void {
  for (let at = 1; at < word.length; at++) {
    const short = `-${word[at]}`;
    const flag = command.flags.find((candidate) => candidate.short === short);
    if (flag?.value !== undefined) {
      const attached = word.slice(at + 1).replace(/^=/, "");
      return hold(flag, at + 1 < word.length ? attached : undefined);
    }
    words.push(short);
  }
}

function attempt(command: Command, parse: () => arg.Result<arg.Spec>): arg.Result<arg.Spec> {
  try {
    return parse();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const name = message.slice(message.indexOf(": ") + 2);
    const flag = command.flags.find((candidate) => candidate.name === name);
    if (flag) throw refusal(command, `${name} needs a value: ${name} ${flag.value}`);
    const names = command.flags.map((candidate) => candidate.name);
    const near = name.startsWith("--") ? nearest(name, names) : undefined;
    throw refusal(command, `there is no flag ${name}`, near && `did you mean ${near}?`);
  }
}

function refuseRepeats(command: Command, values: ReadonlyMap<string, readonly string[]>): void {
  for (const [name, list] of values) {
    const flag = command.flags.find((candidate) => candidate.name === name);
    if (list.length > 1 && !flag?.repeat)
      throw refusal(command, `${name} is given ${list.length} times`, `give ${name} once`);
  }
}

function refusal({ name }: Command, cause: string, hint = `see: sandbox ${name} --help`): FaultError {
  return usageFault("Cannot read the command line", cause, hint);
}
