// The name that was meant by a word that is none.

/** The first of `names` that begins with `word`, else the nearest by letters, else the longest that `word` begins with. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const bare = word.replace(/^-+/, "");
  if (bare.length < 2) return undefined;
  const begun = names.find((name) => name.startsWith(word));
  if (begun !== undefined) return begun;
  // Of two letters one is half: nothing is near.
  const allowed = bare.length === 2 ? 0 : Math.min(3, Math.ceil(bare.length / 3));
  const scored = names.map((name) => ({ name, score: distance(word, name) }));
  const [best] = scored.filter(({ score }) => score <= allowed).sort((a, b) => a.score - b.score);
  if (best) return best.name;
  return names.filter((name) => word.startsWith(name)).sort((a, b) => b.length - a.length)[0];
}

/** Levenshtein's distance: letters put in, taken out or changed. */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
