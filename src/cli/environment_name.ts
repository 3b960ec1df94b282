// NAME, NAME@TAG, or NAME TAG on a command line.
import { isEnvironmentName } from "../../rootfs-builder/store/open_environment.ts";
import { usageFault } from "../base/fault.ts";

const RULE = "it takes letters, digits, dots, dashes and underscores";

export function environmentName(text: string): string {
  if (isEnvironmentName(text)) return text;
  throw usageFault(
    `Cannot use ${JSON.stringify(text)} as an environment's name`,
    RULE,
    "sandbox env ls shows what there is",
  );
}

/** From one word or two. Throws a usage fault (exit 2) where there is no tag. */
export function snapshotName(words: readonly string[]): { readonly name: string; readonly tag: string } {
  const [name = "", tag, ...more] = words.length === 1 ? (words[0] ?? "").split("@") : words;
  if (tag === undefined || more.length > 0)
    throw usageFault(
      "Cannot read the command line",
      "a snapshot is named by its environment and its tag",
      "NAME TAG, or NAME@TAG",
    );
  return { name: environmentName(name), tag: tagName(tag) };
}

function tagName(text: string): string {
  if (isEnvironmentName(text)) return text;
  throw usageFault(`Cannot use ${JSON.stringify(text)} as a snapshot's tag`, RULE);
}
