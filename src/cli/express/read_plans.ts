// The prebuilt plans of the architecture that is being built for. Imported `with { type: "macro" }`, as ffi/stage/images.ts is.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PrebuiltPlans } from "./prebuilt_plans.ts";

/** Throws when `npm run stages` has not run. */
export function readPlans(): PrebuiltPlans {
  const file = join(import.meta.dir, "build", `${process.env.SANDBOX_ARCH ?? process.arch}.json`);
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    throw new Error(`Cannot read ${file}: run \`npm run stages\` first`);
  }
}
