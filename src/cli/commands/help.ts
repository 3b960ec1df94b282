// `sandbox help [COMMAND]`.
import type { Parsed } from "../command.ts";
import { findCommand } from "../find_command.ts";
import { printHelp, printOverview } from "../help.ts";
import { COMMANDS } from "./all.table.ts";

export function help({ positionals: [name] }: Parsed): number {
  return name === undefined ? printOverview(COMMANDS) : printHelp(findCommand(name));
}
