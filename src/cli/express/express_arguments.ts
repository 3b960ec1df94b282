// The command lines that a prebuilt plan is for, read without the table of all flags. Whatever is not plain and known here is
// left to parse/arguments.ts, mistakes included: that one explains them.
import type { Parsed } from "../command.ts";

type Known = { readonly name: string; readonly repeat: boolean };

const KNOWN: Readonly<Record<string, Known>> = {
  "-e": { name: "--env", repeat: true },
  "--env": { name: "--env", repeat: true },
  "--rootfs": { name: "--rootfs", repeat: false },
  "--userns": { name: "--userns", repeat: false },
  "--net": { name: "--net", repeat: false },
  "--store": { name: "--store", repeat: false },
};

/** What follows the first `from` words, as parseArguments() would have it; `undefined` for a line that is not for here. */
export function expressArguments(argv: readonly string[], from: number): Parsed | undefined {
  const values = new Map<string, string[]>();
  let at = from;
  for (; at < argv.length; at += 2) {
    const word = argv[at] ?? "";
    if (word[0] !== "-") break;
    if (word === "--") {
      at++;
      break;
    }
    const known = Object.hasOwn(KNOWN, word) ? KNOWN[word] : undefined;
    const value = argv[at + 1];
    if (known === undefined || value === undefined) return undefined;
    const given = values.get(known.name);
    if (given === undefined) values.set(known.name, [value]);
    else if (known.repeat) given.push(value);
    else return undefined;
  }
  // Nothing to run; or what may be an image (image_word.ts).
  if (at >= argv.length || argv[at]?.includes(":")) return undefined;
  return { switches: NONE, values, positionals: argv.slice(at) };
}

const NONE: ReadonlySet<string> = new Set();
