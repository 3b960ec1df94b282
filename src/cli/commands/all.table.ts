// Every command, in the order in which they are shown.
import type { Command } from "../command.ts";
import { completionCommand } from "./completion.table.ts";
import { doctorCommand } from "./doctor.table.ts";
import { envCommand } from "./env.table.ts";
import { helpCommand } from "./help.table.ts";
import { imageCommand } from "./image.table.ts";
import { manCommand } from "./man.table.ts";
import { networkCommand } from "./network.table.ts";
import { portCommand } from "./port.table.ts";
import { runCommand } from "./run.table.ts";
import { pauseCommand, psCommand, resumeCommand, updateCommand } from "./running.table.ts";
import { systemCommand } from "./system.table.ts";
import { versionCommand } from "./version.table.ts";

const EXPLAINED = [
  runCommand,
  psCommand,
  pauseCommand,
  resumeCommand,
  updateCommand,
  portCommand,
  imageCommand,
  envCommand,
  networkCommand,
  systemCommand,
  doctorCommand,
  completionCommand,
  manCommand,
  versionCommand,
];

export const COMMANDS: readonly Command[] = [
  ...EXPLAINED,
  { ...helpCommand, positional: EXPLAINED.map(({ name }) => name) },
];
