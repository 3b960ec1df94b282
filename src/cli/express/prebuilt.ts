// The prebuilt plan of the host's view, that the build has written (write_plans.ts), read while bundling: the program carries the result.
import { readPlans } from "./read_plans.ts" with { type: "macro" };

export const PREBUILT = readPlans(["host"]);
