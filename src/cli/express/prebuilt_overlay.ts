// The prebuilt plans of copy-on-write roots: apart from the host's (prebuilt.ts), so that a start reads no more than it uses.
import { readPlans } from "./read_plans.ts" with { type: "macro" };

export const PREBUILT = readPlans(["single", "range"]);
