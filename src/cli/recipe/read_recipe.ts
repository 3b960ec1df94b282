// A recipe from its file. TOML that is broken is told with its place: the parser that gives a value does not tell it, and the
// loader of modules, which uses the same parser, does; so that one is asked when the first has failed, and for nothing else.
import { readText } from "../../../ffi/file.ts";
import { SyscallError } from "../../../ffi/syscall_error.ts";
import { type FaultError, requestFault } from "../../base/fault.ts";
import { parseRecipe } from "./parse_recipe.ts";
import type { Recipe } from "./recipe.ts";

const LARGEST = 1 << 20;

/** `shown` is the path in messages. Throws FaultError. */
export async function readRecipe(path: string, shown: string): Promise<Recipe> {
  const text = readFile(path, shown);
  try {
    return parseRecipe(text, shown);
  } catch (error) {
    if (error instanceof SyntaxError) throw await brokenToml(path, shown, error.message);
    throw error;
  }
}

function readFile(path: string, shown: string): string {
  try {
    const text = readText(path, LARGEST);
    if (text !== undefined) return text;
  } catch (error) {
    if (!(error instanceof SyscallError || error instanceof RangeError)) throw error;
    throw requestFault(`Cannot read the recipe ${shown}`, error.message);
  }
  throw requestFault(`Cannot read the recipe ${shown}`, "there is no such file", "name one: -f FILE");
}

async function brokenToml(path: string, shown: string, message: string): Promise<FaultError> {
  const place = await placeOf(path);
  const at = place === undefined ? "" : `, line ${place.line}, column ${place.column}`;
  return requestFault(`Cannot read ${shown}${at}`, message.replace(/^TOML Parse error: /, ""), place?.lineText ?? "");
}

type Place = { readonly line: number; readonly column: number; readonly lineText: string };

async function placeOf(path: string): Promise<Place | undefined> {
  try {
    await import(path, { with: { type: "toml" } });
    return undefined;
  } catch (error) {
    return error instanceof BuildMessage ? (error.position ?? undefined) : undefined;
  }
}
