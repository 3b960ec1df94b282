// Where the image of the test machine is: a folder of the cache, named after all that goes into it. So an image is never
// changed once it is there, and checkouts that differ have images that differ.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";

const checkout = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "../../..");

/** What the image is made from, relative to the checkout. */
const INPUTS = ["scripts/vm_image.mjs", "test/vm/masked_units", "test/vm/image"];

export function cacheFolder() {
  const { SANDBOX_VM_CACHE, XDG_CACHE_HOME } = process.env;
  return path.resolve(SANDBOX_VM_CACHE || path.join(XDG_CACHE_HOME || path.join(homedir(), ".cache"), "sandbox-vm"));
}

export function imageFolder() {
  const hash = createHash("sha256");
  for (const file of INPUTS.flatMap((input) => filesOf(path.join(checkout, input))))
    hash
      .update(`${path.relative(checkout, file)}\0`)
      .update(readFileSync(file))
      .update("\0");
  return path.join(cacheFolder(), hash.digest("hex").slice(0, 16));
}

function filesOf(place) {
  const entries = entriesOf(place);
  return entries === undefined ? [place] : entries.flatMap((name) => filesOf(path.join(place, name)));
}

function entriesOf(place) {
  try {
    return readdirSync(place).sort();
  } catch (error) {
    if (error.code === "ENOTDIR") return undefined;
    throw error;
  }
}
