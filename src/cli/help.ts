// Help on standard output, as wide and as colourful as the terminal there.
import { windowSize } from "../../ffi/terminal.ts";
import type { Command } from "./command.ts";
import { helpText, overviewText, type Screen } from "./help_text.ts";
import { print } from "./print.ts";
import { coloursOn } from "./say.ts";

const STDOUT = 1;
const DEFAULT_WIDTH = 80;
const MIN_WIDTH = 30;
// Longer lines are hard to read (and the text of a flag rarely fills them).
const MAX_WIDTH = 110;

type Environment = Readonly<Record<string, string | undefined>>;

/** Always 0, the exit code. */
export function printHelp(command: Command): number {
  print(helpText(command, screenOf(process.env)));
  return 0;
}

/** Always 0, the exit code. */
export function printOverview(commands: readonly Command[]): number {
  print(overviewText(commands, screenOf(process.env)));
  return 0;
}

function screenOf(env: Environment): Screen {
  const size = windowSize(STDOUT);
  const columns = size && new Uint16Array(size.buffer)[1];
  return { width: screenWidth(env.COLUMNS, columns), colour: coloursOn(STDOUT, env) };
}

/** COLUMNS when it is a number, else the terminal's own width (0: unknown, ioctl_tty(2)), else 80; within bounds. */
export function screenWidth(asked: string | undefined, terminal: number | undefined): number {
  const wanted = /^[1-9]\d{0,4}$/.test(asked ?? "") ? Number(asked) : terminal || DEFAULT_WIDTH;
  return Math.min(Math.max(wanted, MIN_WIDTH), MAX_WIDTH);
}
