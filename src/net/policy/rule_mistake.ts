// Why a piece of a rule cannot be read, and how it is written.
export type Mistake = { readonly kind: "mistake"; readonly cause: string; readonly hint: string };

export function mistake(cause: string, hint = ""): Mistake {
  return { kind: "mistake", cause, hint };
}

export function isBad<T extends object>(value: T | Mistake): value is Mistake {
  return "kind" in value && value.kind === "mistake";
}
