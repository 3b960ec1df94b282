// One table of commands and flags feeds parsing, help, completions and the man page.

/** How a flag's value is completed by a shell. */
export type ValueHint = "file" | "directory" | "none" | "sandbox" | readonly string[];

export type Flag = {
  /** `--volume`. */
  readonly name: `--${string}`;
  readonly short?: `-${string}`;
  /** The value's place holder; absent for a switch. */
  readonly value?: string;
  readonly repeat?: true;
  readonly group: string;
  /** One sentence, no full stop. */
  readonly help: string;
  readonly complete?: ValueHint;
};

export type Example = { readonly command: string; readonly does: string };

export type Command = {
  readonly name: string;
  readonly summary: string;
  /** `sandbox run [OPTION...] [--] COMMAND [ARGUMENT...]`. */
  readonly usage: string;
  /** Paragraphs for --help and the man page. */
  readonly description: readonly string[];
  readonly flags: readonly Flag[];
  readonly examples: readonly Example[];
  /** Do arguments after the first positional one belong to the command that is run? */
  readonly passthrough: boolean;
  readonly positional?: ValueHint;
  /** How many arguments it takes; none, or one at most where {@link positional} is given. */
  readonly takes?: { readonly least: number; readonly most: number };
  /** Of a group, whose own name does nothing: commands of two words, `image pull`. */
  readonly verbs?: readonly Command[];
};

export type Parsed = {
  readonly switches: ReadonlySet<string>;
  /** Values in their order. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
};

/** Groups and their verbs in one list, each group before its own. */
export function withVerbs(commands: readonly Command[]): readonly Command[] {
  return commands.flatMap((command) => [command, ...(command.verbs ?? [])]);
}

/** `pull` of `image pull`. */
export function lastWord(name: string): string {
  return name.slice(name.lastIndexOf(" ") + 1);
}
