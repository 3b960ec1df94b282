// How a network may be called: a word of `--net`, a part of host names, and a file's name.

/** Words of `--net` that mean something else, now or before long. */
const TAKEN = ["none", "host", "slirp", "ns", "container", "fast"] as const;
const NAME = /^[a-z0-9][a-z0-9_.-]{0,62}$/;

export const NAME_RULE =
  "it takes lower case letters, digits, dots, dashes and underscores, and begins with one of the first two";

/** Why `text` is no name of a network; `undefined` where it is one. */
export function nameProblem(text: string): string | undefined {
  if (TAKEN.some((word) => word === text)) return `--net ${text} means something else`;
  return NAME.test(text) ? undefined : NAME_RULE;
}
