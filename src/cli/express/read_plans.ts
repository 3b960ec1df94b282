// The prebuilt plans of the architecture that is being built for. Imported `with { type: "macro" }`, as ffi/stage/images.ts is.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PrebuiltPlans } from "./prebuilt_plans.ts";

/** Those of `names`. Throws when `npm run stages` has not run. */
export function readPlans<N extends keyof PrebuiltPlans>(names: readonly N[]): Pick<PrebuiltPlans, N> {
  const file = join(import.meta.dir, "build", `${process.env.SANDBOX_ARCH ?? process.arch}.json`);
  try {
    const all: PrebuiltPlans = JSON.parse(readFileSync(file, "utf8"));
    return Object.fromEntries(names.map((name) => [name, all[name]])) as Pick<PrebuiltPlans, N>;
  } catch {
    throw new Error(`Cannot read ${file}: run \`npm run stages\` first`);
  }
}
