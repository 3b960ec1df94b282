// The text of a sandbox.toml → a recipe. Every key and type is checked, since a misspelt key that is passed over is a step that
// is silently left out. Sections but [rootfs] are others' business.
import { type FaultError, requestFault } from "../../base/fault.ts";
import { nearest } from "../parse/nearest.ts";
import type { CopiedPath, Package, Recipe } from "./recipe.ts";

const KEYS = ["from", "packages", "copy", "run", "env"] as const;
const COPY_KEYS = ["from", "to"] as const;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** apk-world(5): a name, and what it may be held to. An option would begin with a dash. */
const PACKAGE = /^[A-Za-z0-9_.!][A-Za-z0-9_.+:@=<>~-]*$/;
const LONGEST = 1 << 20;

type Table = Readonly<Record<string, unknown>>;

/** `where` is the recipe's name in messages. Throws FaultError; a {@link SyntaxError} for what is no TOML. */
export function parseRecipe(text: string, where: string): Recipe {
  if (text.length > LONGEST) throw requestFault(`Cannot read ${where}`, `it is larger than ${LONGEST} characters`);
  return new Reader(where, text).recipe(Bun.TOML.parse(text));
}

class Reader {
  readonly #where: string;
  readonly #text: string;

  constructor(where: string, text: string) {
    this.#where = where;
    this.#text = text;
  }

  recipe(document: unknown): Recipe {
    const section = field(this.#table("the file", document), "rootfs");
    if (section === undefined) throw this.#refuse("it has no section [rootfs]", 'add one:  [rootfs]  from = "alpine"');
    const table = this.#table("rootfs", section);
    this.#refuseUnknown(table, KEYS, "[rootfs]");
    const from = field(table, "from");
    if (from === undefined) throw this.#refuse("[rootfs] has no from", 'name what to begin with:  from = "alpine"');
    return {
      from: this.#from(this.#string("from", from)),
      packages: this.#list(table, "packages").map((item, i) => this.#package(`packages[${i}]`, item)),
      copy: this.#list(table, "copy").map((item, i) => this.#copied(`copy[${i}]`, item)),
      run: this.#list(table, "run").map((item, i) => this.#command(`run[${i}]`, item)),
      env: this.#variables(field(table, "env")),
    };
  }

  #from(from: string): string {
    const cause = from === "host" ? "the host's view is no root file system of its own" : undefined;
    if (cause ?? from === "") throw this.#wrong("from", cause ?? "it is empty", FROM_HINT);
    return from;
  }

  #package(place: string, value: unknown): Package {
    const text = this.#string(place, value);
    if (text.includes("/") || text.endsWith(".apk")) return { kind: "file", path: this.#below(place, text) };
    if (!PACKAGE.test(text)) throw this.#wrong(place, `${quoted(text)} is no name of a package`, PACKAGE_HINT);
    return { kind: "name", name: text };
  }

  #command(place: string, value: unknown): string {
    const text = this.#string(place, value);
    if (text.trim() === "") throw this.#wrong(place, "it is empty", "leave it out");
    return text;
  }

  #copied(place: string, value: unknown): CopiedPath {
    if (typeof value === "string") {
      const text = this.#string(place, value);
      const colon = text.lastIndexOf(":");
      if (colon < 1) throw this.#wrong(place, `${quoted(text)} is no SRC:DST`, COPY_HINT);
      return this.#pair(place, text.slice(0, colon), text.slice(colon + 1));
    }
    const table = this.#table(place, value);
    this.#refuseUnknown(table, COPY_KEYS, place);
    const [from, to] = COPY_KEYS.map((key) => field(table, key));
    if (from === undefined || to === undefined) throw this.#wrong(place, "it takes from and to", COPY_HINT);
    return this.#pair(place, this.#string(`${place}.from`, from), this.#string(`${place}.to`, to));
  }

  #pair(place: string, from: string, to: string): CopiedPath {
    if (!to.startsWith("/")) throw this.#wrong(place, `${quoted(to)} does not begin with a slash`, COPY_HINT);
    if (to.split("/").includes("..")) throw this.#wrong(place, `${quoted(to)} has ".." in it`, COPY_HINT);
    return { from: this.#below(place, from), to };
  }

  /** A recipe may come with a project of somebody else's: what it takes is in its own folder. */
  #below(place: string, path: string): string {
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    if (path.startsWith("/") || parts.includes("..") || path === "")
      throw this.#wrong(place, `${quoted(path)} is not below the folder of the recipe`, "copy it there, or link it");
    return parts.length === 0 ? "." : parts.join("/");
  }

  #variables(value: unknown): readonly (readonly [string, string])[] {
    if (value === undefined) return [];
    return Object.entries(this.#table("env", value)).map(([name, item]) => {
      if (!VARIABLE.test(name)) throw this.#wrong("env", `${quoted(name)} is no name of a variable`, "");
      return [name, this.#string(`env.${name}`, item)] as const;
    });
  }

  #list(table: Table, key: (typeof KEYS)[number]): readonly unknown[] {
    const value = field(table, key);
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    throw this.#wrong(key, `it is ${typeName(value)}, and a list is wanted`, `${key} = [ ... ]`);
  }

  #string(place: string, value: unknown): string {
    if (typeof value !== "string")
      throw this.#wrong(place, `it is ${typeName(value)}, and a text is wanted`, 'put it in quotes: "..."');
    if (value.includes("\0")) throw this.#wrong(place, "it holds a NUL", "");
    return value;
  }

  #table(place: string, value: unknown): Table {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Table;
    throw this.#wrong(place, `it is ${typeName(value)}, and a table is wanted`, "");
  }

  #refuseUnknown(table: Table, known: readonly string[], place: string): void {
    const unknown = Object.keys(table).find((key) => !known.includes(key));
    if (unknown === undefined) return;
    const near = nearest(unknown, known);
    const line = lineOf(this.#text, unknown);
    throw requestFault(
      `Cannot read ${this.#where}${line === undefined ? "" : `, line ${line}`}`,
      `there is no key ${quoted(unknown)} in ${place}`,
      near === undefined ? `known are ${known.join(", ")}` : `did you mean ${near}?`,
    );
  }

  #wrong(place: string, cause: string, hint: string): FaultError {
    const line = lineOf(this.#text, place.split(/[[.]/)[0] ?? place);
    const at = line === undefined ? place : `line ${line}, ${place}`;
    return requestFault(`Cannot read ${this.#where}, ${at}`, cause, hint);
  }

  #refuse(cause: string, hint: string): FaultError {
    return requestFault(`Cannot read ${this.#where}`, cause, hint);
  }
}

const FROM_HINT = 'it takes "alpine", "alpine:VERSION", an image, or the path of a tar file';
const PACKAGE_HINT = 'a name, as "gcc" or "python3=3.12.8-r1", or the path of a package file, as "./tool.apk"';
const COPY_HINT = 'it takes "SRC:/DST", or { from = "SRC", to = "/DST" }';

function field(table: Table, key: string): unknown {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** The line on which a key of [rootfs] seems to be; the parser does not tell it of what is sound. */
function lineOf(text: string, key: string): number | undefined {
  const lines = text.split("\n");
  const section = lines.findIndex((line) => /^\s*\[\s*rootfs\b/.test(line));
  const escaped = key.replace(/[^A-Za-z0-9_]/g, "\\$&");
  const pattern = new RegExp(`^\\s*(?:\\[+\\s*rootfs\\s*\\.\\s*)?["']?${escaped}["']?\\s*[.=\\]]`);
  const found = lines.findIndex((line, i) => i >= section && pattern.test(line));
  return found < 0 ? undefined : found + 1;
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  switch (typeof value) {
    case "string":
      return "a text";
    case "number":
    case "bigint":
      return "a number";
    case "boolean":
      return "a boolean";
    default:
      return value === null ? "nothing" : "a table";
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}
