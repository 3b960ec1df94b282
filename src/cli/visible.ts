// Words from outside (labels, commands of a history, names of files) on a terminal: nothing in them may move its cursor, change
// its colours or turn the direction of a line.

const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** `text` in one line, each character that a terminal would obey as `\n`, `\t` or `\u{HEX}`. */
export function visible(text: string): string {
  return text.replace(UNSEEN, escaped);
}

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\t": "\\t", "\r": "\\r" };

function escaped(character: string): string {
  return SHORT[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
