// Reading JSON that others wrote: a value, where it stands, and a list that what is wrong with it is added to. A reader
// gives undefined for what is absent (null counts as absent, as in Go) and for what it has just complained about.

export type ProfileProblem = {
  /** `syscalls[3].args[0].op`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
};

export type Place = { readonly value: unknown; readonly path: string; readonly problems: ProfileProblem[] };

export function complain(place: Place, message: string): undefined {
  place.problems.push({ path: place.path, message });
}

export function isPresent({ value }: Place): boolean {
  return value !== undefined && value !== null;
}

export function field(place: Place, key: string): Place {
  const { value, path, problems } = place;
  const own = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return { value: own, path: path === "" ? key : `${path}.${key}`, problems };
}

/** Complains about an object that is not there, too. */
export function requireObject(place: Place): Place | undefined {
  return isObject(place.value) ? place : complain(place, `must be an object, it is ${describe(place.value)}`);
}

export function readList(place: Place): readonly Place[] {
  const { value, path, problems } = place;
  if (!isPresent(place)) return [];
  if (Array.isArray(value)) return value.map((item, i) => ({ value: item, path: `${path}[${i}]`, problems }));
  complain(place, `must be an array, it is ${describe(value)}`);
  return [];
}

export function readString(place: Place): string | undefined {
  if (!isPresent(place)) return undefined;
  if (typeof place.value === "string") return place.value;
  return complain(place, `must be a string, it is ${describe(place.value)}`);
}

export function readStrings(place: Place): readonly string[] {
  return readList(place).flatMap((item) => requireString(item) ?? []);
}

export function requireString(place: Place): string | undefined {
  return isPresent(place) ? readString(place) : complain(place, "is missing");
}

/** One of `choices`, by its spelling. */
export function readChoice<T extends string>(place: Place, choices: readonly T[], noun: string): T | undefined {
  const text = requireString(place);
  if (text === undefined) return undefined;
  const known = choices.find((choice) => choice === text);
  return known ?? complain(place, `${JSON.stringify(text)} is no ${noun}; there are ${choices.join(" ")}`);
}

/** A whole number from 0 to `max`. */
export function readUint(place: Place, max: bigint): bigint | undefined {
  if (!isPresent(place)) return undefined;
  const number = wholeNumber(place);
  if (number === undefined) return undefined;
  return number >= 0n && number <= max ? number : complain(place, `must be from 0 to ${max}, it is ${number}`);
}

export function requireUint(place: Place, max: bigint): bigint | undefined {
  return isPresent(place) ? readUint(place, max) : complain(place, "is missing");
}

function wholeNumber(place: Place): bigint | undefined {
  const { value } = place;
  if (typeof value === "bigint") return value;
  if (typeof value !== "number" || !Number.isInteger(value)) {
    return complain(place, `must be a whole number, it is ${describe(value)}`);
  }
  if (Number.isSafeInteger(value)) return BigInt(value);
  return complain(place, "is above 2^53 and has lost its last digits; hand over the profile as text");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return "missing";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
