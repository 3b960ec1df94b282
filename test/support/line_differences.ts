// Two long lists compared, with a failure short enough to be read.

const SHOWN = 10;

/** Lines that only one of the two has, the first few; none when all is well. */
export function lineDifferences(a: readonly string[], b: readonly string[]): string[] {
  const [left, right] = [new Set(a), new Set(b)];
  const removed = [...left].filter((line) => !right.has(line)).map((line) => `- ${line}`);
  const added = [...right].filter((line) => !left.has(line)).map((line) => `+ ${line}`);
  return [...removed, ...added].slice(0, SHOWN);
}
