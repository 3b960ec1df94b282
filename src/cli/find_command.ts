// A command by its name; the error for one that does not exist teaches what does.
import { type FaultError, usageFault } from "../base/fault.ts";
import { type Command, lastWord } from "./command.ts";
import { COMMANDS } from "./commands/all.table.ts";
import { nearest } from "./parse/nearest.ts";

/** Throws a usage fault (exit 2) with the nearest name. */
export function findCommand(name: string): Command {
  const found = COMMANDS.find((command) => command.name === name);
  if (!found) throw unknownCommand(name);
  return found;
}

/** A command of a group. Throws a usage fault (exit 2) with the nearest name. */
export function findVerb(group: Command, verb: string): Command {
  const verbs = group.verbs ?? [];
  const found = verbs.find(({ name }) => lastWord(name) === verb);
  if (found) return found;
  const near = nearest(
    verb,
    verbs.map(({ name }) => lastWord(name)),
  );
  const hint = near === undefined ? "" : `did you mean sandbox ${group.name} ${near}?\n`;
  const cause = `there is no command ${JSON.stringify(`${group.name} ${verb}`)}`;
  throw usageFault(CANNOT_READ, cause, `${hint}see: sandbox ${group.name} --help`);
}

/** A flag where a command's name belongs: of `run`, or of nothing. */
export function misplacedFlag(word: string): FaultError {
  const name = word.split("=")[0] ?? word;
  const owner = COMMANDS.find(({ flags }) => flags.some((flag) => flag.name === name || flag.short === name));
  const cause = `${name} stands where a command's name is expected`;
  return usageFault(CANNOT_READ, cause, owner ? `try: sandbox ${owner.name} ${name} ...` : SEE_HELP);
}

const CANNOT_READ = "Cannot read the command line";
const SEE_HELP = "see: sandbox help";

function unknownCommand(name: string): FaultError {
  const near = nearest(
    name,
    COMMANDS.map((command) => command.name),
  );
  const runIt = `to run the program ${name} in a sandbox: sandbox run -- ${name}`;
  const hint = near === undefined ? runIt : `did you mean sandbox ${near}?`;
  return usageFault(CANNOT_READ, `there is no command ${JSON.stringify(name)}`, `${hint}\n${SEE_HELP}`);
}
