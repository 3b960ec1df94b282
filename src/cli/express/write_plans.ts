// Run by scripts/stages.mjs: writes the prebuilt plans for this machine's architecture, and none for the other one, whose numbers and
// flags this machine does not have.
import { join } from "node:path";
import { type PrebuiltPlans, prebuiltHostPlan, prebuiltOverlayPlan } from "./prebuilt_plans.ts";

const own: PrebuiltPlans = {
  host: prebuiltHostPlan(),
  single: prebuiltOverlayPlan("overlay-single"),
  range: prebuiltOverlayPlan("overlay-range"),
};
const none: PrebuiltPlans = { host: null, single: null, range: null };

for (const arch of ["x64", "arm64"]) {
  const plans = arch === process.arch ? own : none;
  await Bun.write(join(import.meta.dir, "build", `${arch}.json`), JSON.stringify(plans));
}
const sizes = Object.entries(own).map(([name, plan]) => `${name} ${plan?.bytes.length ?? 0} B`);
console.log(`plans ${process.arch}: ${sizes.join(", ")} (base64)`);
