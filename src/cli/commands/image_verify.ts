// `sandbox image verify IMAGE...`. Exit status 1 when something of them is damaged.
import { verifyImage } from "../../../rootfs-builder/store/verify_image.ts";
import type { Parsed } from "../command.ts";
import { onStore } from "../on_store.ts";
import { print } from "../print.ts";
import { printJson } from "../print_json.ts";
import { shownName, storedImage } from "../stored_image.ts";
import { visible } from "../visible.ts";

export async function imageVerify(parsed: Parsed): Promise<number> {
  const verdicts = await onStore(parsed, "verify", "the images", async (context) => {
    const records = parsed.positionals.map((text) => storedImage(text, context));
    const found: { readonly name: string; readonly problems: readonly string[] }[] = [];
    for (const record of records)
      found.push({
        name: shownName(record.name),
        problems: await verifyImage(context.store, record, context.jobs.run),
      });
    return found;
  });
  if (parsed.switches.has("--json")) printJson(verdicts);
  else print(verdicts.map(({ name, problems }) => verdictText(name, problems)).join(""));
  return verdicts.every(({ problems }) => problems.length === 0) ? 0 : 1;
}

function verdictText(name: string, problems: readonly string[]): string {
  if (problems.length === 0) return `${name}: whole\n`;
  return problems.map((problem) => `${name}: ${visible(problem)}\n`).join("");
}
