// Which sandbox a word means: its name, its id, or the beginning of an id that is no other's. Pure.
import type { Registered } from "./registry.ts";

export type Match =
  | { readonly kind: "one"; readonly sandbox: Registered }
  | { readonly kind: "none" }
  | { readonly kind: "several"; readonly ids: readonly string[] };

export function matchSandbox(all: readonly Registered[], word: string): Match {
  const exact = all.find(({ state }) => state?.name === word) ?? all.find(({ id }) => id === word);
  if (exact) return { kind: "one", sandbox: exact };
  const found = /^[0-9a-f]{1,12}$/.test(word) ? all.filter(({ id }) => id.startsWith(word)) : [];
  const [first] = found;
  if (first === undefined) return { kind: "none" };
  return found.length === 1 ? { kind: "one", sandbox: first } : { kind: "several", ids: found.map(({ id }) => id) };
}
