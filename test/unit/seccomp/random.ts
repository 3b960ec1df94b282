// A small deterministic generator (xorshift32), so that a failing case can be found again.

export type Random = {
  /** 0 to bound - 1. */
  readonly below: (bound: number) => number;
  readonly pick: <T>(from: readonly T[]) => T;
};

export function random(seed: number): Random {
  let state = seed;
  const below = (bound: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
  const pick = <T>(from: readonly T[]): T => {
    const picked = from[below(from.length)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  };
  return { below, pick };
}
