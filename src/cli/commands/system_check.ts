// `sandbox system check`. Exit status 1 when something is wrong and is not repaired.
import { type CheckReport, checkStore, type Problem } from "../../../rootfs-builder/store/check.ts";
import { countText } from "../amounts.ts";
import type { Parsed } from "../command.ts";
import { onStore } from "../on_store.ts";
import { print } from "../print.ts";
import { printJson } from "../print_json.ts";
import { visible } from "../visible.ts";

export async function systemCheck(parsed: Parsed): Promise<number> {
  const repair = parsed.switches.has("--repair");
  const report = await onStore(parsed, "check", "the store", ({ store, jobs }) =>
    checkStore({ store, run: jobs.run, repair, now: Date.now() }),
  );
  if (parsed.switches.has("--json")) printJson(report);
  else print(reportText(report, repair));
  return report.problems.every(({ repaired }) => repaired) ? 0 : 1;
}

function reportText(
  { blobs, layers, rootfs, images, environments, undescribed, problems }: CheckReport,
  repair: boolean,
): string {
  const counts = [
    countText(images, "image"),
    countText(layers, "layer"),
    countText(blobs, "blob"),
    countText(rootfs, "root file system"),
    countText(environments, "environment"),
  ].join(", ");
  const old = undescribed.map((name) => `${visible(name)}: cannot be compared, it is from before descriptions\n`);
  const left = problems.filter(({ repaired }) => !repaired).length;
  const verdict =
    problems.length === 0
      ? "all is whole"
      : `${countText(problems.length, "problem")}${repair ? `, ${left} left` : ""}`;
  const mend = left > 0 && !repair ? "sandbox system check --repair takes out what is damaged\n" : "";
  return `${problems.map(problemText).join("")}${old.join("")}Checked ${counts}: ${verdict}\n${mend}`;
}

function problemText({ kind, object, detail, repaired, lost }: Problem): string {
  const cost = lost === "" ? "" : `; ${repaired ? "lost" : "at stake"}: ${visible(lost)}`;
  return `${kind} ${visible(object)}: ${visible(detail)}${repaired ? "; taken out" : ""}${cost}\n`;
}
