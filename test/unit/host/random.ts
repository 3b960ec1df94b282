// Bytes for fuzzing that are the same in every run: xorshift32.

export type Random = (below: number) => number;

export function random(seed: number): Random {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const HOSTILE = [
  "\n",
  ":",
  " ",
  "-",
  "\\040",
  "\\",
  "\0",
  "4294967295",
  "999999999999",
  "/",
  "{",
  "}",
  "*",
  "\ud800",
  ",",
] as const;

/** `text` with a few pieces removed, doubled, or replaced by something that a parser might trip over. */
export function mutate(text: string, next: Random): string {
  let result = text;
  for (let edits = 1 + next(4); edits > 0; edits--) {
    const [at, length] = [next(result.length + 1), next(6)];
    const middle = [() => "", () => result.slice(at, at + length).repeat(2), () => HOSTILE[next(HOSTILE.length)] ?? ""];
    result = result.slice(0, at) + (middle[next(3)]?.() ?? "") + result.slice(at + length);
  }
  return result;
}
