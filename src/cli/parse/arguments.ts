// Command line → flags and positionals. The one module that knows the argument library.
import arg from "arg";
import { usageFault } from "../../base/fault.ts";
import type { Command, Flag, Parsed } from "../command.ts";

/** Throws a usage fault (exit 2) naming the flag and the nearest one that exists. */
export function parseArguments(command: Command, argv: readonly string[]): Parsed {
  const spec: Record<string, unknown> = {};
  for (const flag of command.flags) {
    spec[flag.name] = flag.value === undefined ? arg.COUNT : [String];
    if (flag.short) spec[flag.short] = flag.name;
  }
  const parsed = attempt(command, () =>
    arg(spec as arg.Spec, {
      argv: splitShort(command.flags, argv, command.passthrough),
      stopAtPositional: command.passthrough,
    }),
  );
  const { _: positionals, ...rest } = parsed;
  const values = new Map<string, readonly string[]>();
  const switches = new Set<string>();
  for (const [name, value] of Object.entries(rest)) {
    if (Array.isArray(value)) values.set(name, value);
    else switches.add(name);
  }
  refuseRepeats(command, values);
  return { switches, values, positionals };
}

function attempt(command: Command, parse: () => arg.Result<arg.Spec>): arg.Result<arg.Spec> {
  try {
    return parse();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const name = /--?[\w-]+/.exec(message)?.[0] ?? "";
    const near = nearest(name, command.flags);
    const hint = near ? `did you mean ${near}?` : `see: sandbox ${command.name} --help`;
    throw usageFault(`Cannot read the command line`, lowerFirst(message), hint);
  }
}

// `-eNAME=value` and `-v/a:/b`, as docker and podman take them: a short flag that has a value may have it attached.
function splitShort(flags: readonly Flag[], argv: readonly string[], passthrough: boolean): string[] {
  const out: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--" || (passthrough && !word.startsWith("-"))) return [...out, ...argv.slice(i)];
    const flag = word.startsWith("--")
      ? flags.find(({ name }) => name === word)
      : flags.find(({ short }) => short !== undefined && word.startsWith(short));
    if (!flag?.value || (word.startsWith("--") && word.includes("="))) out.push(word);
    else if (word === flag.short || word === flag.name) {
      const value = argv[++i];
      // A value may begin with a dash; the library would take it for a flag.
      out.push(value === undefined ? word : `${flag.name}=${value}`);
    } else out.push(`${flag.name}=${word.slice(2).replace(/^=/, "")}`);
  }
  return out;
}

function refuseRepeats(command: Command, values: ReadonlyMap<string, readonly string[]>): void {
  for (const [name, list] of values) {
    const flag = command.flags.find((candidate) => candidate.name === name);
    if (list.length > 1 && !flag?.repeat)
      throw usageFault("Cannot read the command line", `${name} is given ${list.length} times`, `give ${name} once`);
  }
}

function nearest(name: string, flags: readonly Flag[]): string | undefined {
  if (!name.startsWith("--")) return undefined;
  const scored = flags.map((flag) => ({ flag: flag.name, score: distance(name, flag.name) }));
  const best = scored.reduce((a, b) => (b.score < a.score ? b : a), { flag: "", score: 4 });
  return best.flag === "" ? undefined : best.flag;
}

/** Levenshtein's distance. */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
