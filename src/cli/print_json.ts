// For programs. Always 0, the exit code.
import { print } from "./print.ts";

/** Text from outside is as it is, but for what a terminal would obey: JSON has an escape for every character. */
export function printJson(value: unknown): number {
  print(`${JSON.stringify(value, null, 2).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped)}\n`);
  return 0;
}

function escaped(character: string): string {
  if (character === "\n") return character;
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`,
  ).join("");
}
