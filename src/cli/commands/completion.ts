// `sandbox completion SHELL`.
import { usageFault } from "../../base/fault.ts";
import type { Command, Parsed } from "../command.ts";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { print } from "../print.ts";
import { COMMANDS } from "./all.table.ts";
import { SHELLS, type Shell } from "./completion.table.ts";

const SCRIPTS: Readonly<Record<Shell, (commands: readonly Command[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

export function completion({ positionals: [name] }: Parsed): number {
  const shell = SHELLS.find((known) => known === name);
  if (!shell) throw unknownShell(name);
  print(SCRIPTS[shell](COMMANDS));
  return 0;
}

function unknownShell(name: string | undefined) {
  const cause = name === undefined ? "no shell is named" : `there is no script for ${JSON.stringify(name)}`;
  return usageFault("Cannot print a completion script", cause, `name one of ${SHELLS.join(", ")}`);
}
