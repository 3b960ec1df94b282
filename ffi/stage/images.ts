// The compiled C stages as base64 text, read while bundling: imported `with { type: "macro" }`, this module itself
// is not in the program. A string costs less at start than an embedded file, which would need a file system call.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export type StageImages = {
  readonly executor: string;
  readonly init: string;
  readonly waiter: string;
  readonly enter: string;
};

/**
 * The images of the architecture that is being built for: `SANDBOX_ARCH` (`x64` or `arm64`), else the machine's own.
 * Throws when `npm run stages` has not run.
 */
export function stageImages(): StageImages {
  const folder = join(import.meta.dir, "build", process.env.SANDBOX_ARCH ?? process.arch);
  const image = (name: string): string => {
    try {
      return readFileSync(join(folder, name)).toString("base64");
    } catch {
      throw new Error(`Cannot read ${join(folder, name)}: run \`npm run stages\` first`);
    }
  };
  return { executor: image("executor"), init: image("init"), waiter: image("waiter"), enter: image("enter") };
}
