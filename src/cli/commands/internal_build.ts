// `sandbox internal-build MESSAGE`: one command of a recipe (src/cli/recipe/run_step.ts). Not for people, so no help speaks of it.
import { hostLookups } from "../../host/read_lookups.ts";
import { internalFault } from "../internal_fault.ts";
import { parseArguments } from "../parse/arguments.ts";
import { STEP_LOCK, type StepMessage } from "../recipe/run_step.ts";
import { runCommand } from "./run.table.ts";
import { runIn } from "./run.ts";

export async function internalBuild([text = ""]: readonly string[]): Promise<number> {
  const { layers, upper, argv } = parseMessage(text);
  const rootfs = { kind: "folder", path: layers[0] ?? "/", layers, upper } as const;
  return await runIn({ rootfs, keep: [STEP_LOCK] }, parseArguments(runCommand, argv), hostLookups(process.env));
}

function parseMessage(text: string): StepMessage {
  try {
    const message: StepMessage = JSON.parse(text);
    const sound = [message.layers, message.argv].every((list) => Array.isArray(list)) && message.layers.length > 0;
    if (sound && typeof message.upper === "string") return message;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw internalFault("Cannot run a step of a recipe");
}
