import type { Command } from "./command.ts";
import { toStdout } from "./say.ts";

export function printHelp(command: Command): number {
  toStdout(`${command.usage}\n`);
  return 0;
}
