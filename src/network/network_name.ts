// How a network may be called: a word of `--net`, a part of host names, and a file's name.
import { netWord } from "../spec/net_word.ts";

const NAME = /^[a-z0-9][a-z0-9_.-]{0,62}$/;

export const NAME_RULE =
  "it takes lower case letters, digits, dots, dashes and underscores, and begins with one of the first two";

/** Why `text` is no name of a network; `undefined` where it is one. */
export function nameProblem(text: string): string | undefined {
  if (netWord(text) === text) return `--net ${text} means something else`;
  return NAME.test(text) ? undefined : NAME_RULE;
}
