// Under which name the store keeps what a step of a recipe has made: a digest of all that it was made from, so that the same step on the
// same base is found again, and any other is not. No reference of the docker grammar has such a name.

/** Hex of a sha256. */
export type StageKey = string;

/** Raised when the same recipe would give another tree. */
const VERSION = 1;
const NAME = /^recipe:[0-9a-f]{64}$/;

/** What comes of `parts` on top of what `parent` stands for; of a base where that is empty. */
export function stageKey(parent: StageKey | "", parts: readonly string[]): StageKey {
  return new Bun.CryptoHasher("sha256").update(JSON.stringify([VERSION, parent, ...parts])).digest("hex");
}

export function stageName(key: StageKey): string {
  return `recipe:${key}`;
}

export function isStageName(name: string): boolean {
  return NAME.test(name);
}
