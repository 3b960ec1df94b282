// Flags as the parts of the Spec's builder read them: by name, with `--x` and `--no-x` as one switch.
import { usageFault } from "../base/fault.ts";
import type { Parsed } from "./command.ts";

export type FlagReader = {
  readonly has: (name: string) => boolean;
  readonly one: (name: string) => string | undefined;
  readonly all: (name: string) => readonly string[];
};

export function flagReader({ switches, values }: Parsed): FlagReader {
  return {
    has: (name) => switches.has(name),
    one: (name) => values.get(name)?.[0],
    all: (name) => values.get(name) ?? [],
  };
}

export function optional<K extends string, T>(
  key: K,
  text: string | undefined,
  parse: (text: string) => T,
): { readonly [P in K]?: T } {
  return text === undefined ? {} : ({ [key]: parse(text) } as { readonly [P in K]?: T });
}

/** `--x` and `--no-x`. */
export function pair(flag: FlagReader, name: `--${string}`, fallback: boolean): boolean {
  const off = `--no-${name.slice(2)}`;
  if (flag.has(name) && flag.has(off))
    throw usageFault("Cannot read the command line", `${name} and ${off} contradict each other`);
  return flag.has(name) || (!flag.has(off) && fallback);
}
