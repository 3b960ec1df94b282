// `sandbox help [COMMAND [VERB]]`.
import { usageFault } from "../../base/fault.ts";
import type { Parsed } from "../command.ts";
import { findCommand, findVerb } from "../find_command.ts";
import { printHelp, printOverview } from "../help.ts";
import { COMMANDS } from "./all.table.ts";

export function help({ positionals: [name, verb] }: Parsed): number {
  if (name === undefined) return printOverview(COMMANDS);
  const command = findCommand(name);
  if (verb === undefined) return printHelp(command);
  if (command.verbs === undefined)
    throw usageFault(
      "Cannot read the command line",
      `sandbox help takes no argument ${JSON.stringify(verb)}`,
      "see: sandbox help --help",
    );
  return printHelp(findVerb(command, verb));
}
