import { describe, expect, test } from "bun:test";
import { withVerbs } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/commands/all.table.ts";
import { screenWidth } from "../../../src/cli/help.ts";
import { helpText, overviewText } from "../../../src/cli/help_text.ts";
import { wrapText } from "../../../src/cli/wrap_text.ts";
import { sampleCommand } from "./sample_command.ts";

const plain = (width: number) => ({ width, colour: false });

describe("a help screen", () => {
  test("of 80 columns", () => {
    expect(helpText(sampleCommand, plain(80))).toBe(`Usage: sandbox try [OPTION...] [--] COMMAND [ARGUMENT...]

Try a command with care.

Tries COMMAND. It's the first paragraph, and it is long enough to be broken at
eighty columns.

Mounts:
  -v, --volume SRC:DST  Bind [rw] a path
      --keep NAME       Keep 'it' under C:\\NAME

Process:
  -m, --mode MODE       new (default) or bind: the host's
      --file A-RATHER-LONG-PLACE-HOLDER
                        A file
      --folder DIR      A folder
  -t, --tty             Allocate a terminal
  -i, --interactive     Keep standard input

General:
      --help            Show this

Examples:
  sandbox try -v ~/a:/a -- ls
      .hidden files too
`);
  });

  test("of 40 columns has texts below their flags", () => {
    expect(helpText(sampleCommand, plain(40))).toContain(`
Process:
  -m, --mode MODE
        new (default) or bind: the
        host's
      --file A-RATHER-LONG-PLACE-HOLDER
        A file
`);
  });

  test("paints headings and flags where colours are on, and nothing moves", () => {
    const painted = helpText(sampleCommand, { width: 80, colour: true });
    expect(painted).toContain("\x1b[1mMounts:\x1b[0m\n  \x1b[36m-v, --volume SRC:DST\x1b[0m  Bind [rw] a path\n");
    expect(Bun.stripANSI(painted)).toBe(helpText(sampleCommand, plain(80)));
  });

  test.each(withVerbs(COMMANDS).map((command) => [command.name, command] as const))(
    "of %s tells every flag",
    (_, command) => {
      const words = helpText(command, plain(80)).replace(/\s+/g, " ");
      for (const { name, short, value, help } of command.flags) {
        const label = `${short ? `${short}, ` : ""}${name}${value ? ` ${value}` : ""}`;
        expect(words).toContain(`${label} ${help}`);
      }
      for (const { command: line, does } of command.examples) expect(words).toContain(`${line} ${does}`);
    },
  );

  test.each([30, 59, 60, 80, 110])("of %d columns is no wider, but for what cannot be broken", (width) => {
    const usages = COMMANDS.map(({ usage }) => `Usage: ${usage}`);
    const commands = COMMANDS.flatMap(({ examples }) => examples.map(({ command }) => `  ${command}`));
    const labels = COMMANDS.flatMap(({ flags }) => flags.map(({ name, value }) => `${name} ${value}`));
    const whole = (line: string) => [...usages, ...commands].includes(line) || labels.some((end) => line.endsWith(end));
    for (const command of COMMANDS) {
      const wide = helpText(command, plain(width))
        .split("\n")
        .filter((line) => line.length > width && line.trim().includes(" "));
      expect(wide.filter((line) => !whole(line))).toEqual([]);
    }
  });
});

test("the overview lists every command, how to begin and where to read on", () => {
  expect(overviewText(COMMANDS, plain(80))).toBe(`Usage: sandbox COMMAND [ARGUMENT...]

Runs commands in sandboxes: for any user, without root, without a daemon, in one
file.

Commands:
  run         Run a command in a sandbox
  ps          List the sandboxes that run
  pause       Stop all processes of a sandbox, until it is resumed
  resume      Let a paused sandbox go on
  update      Change the limits of a sandbox while it runs
  port        Manage published ports while a sandbox runs
  image       Pull, save, look at and manage images
  env         Manage persistent environments (run --persist NAME)
  network     Manage networks that sandboxes share (run --net NAME)
  system      Look after the store: its size, its cleanliness, its health
  doctor      Tell whether sandboxes can run on this machine, and how to mend
              what is missing
  completion  Print the completion script of a shell
  man         Print the manual page, for man(1) to show
  version     Print the version and what this program was built from
  help        Explain sandbox, or one of its commands

Examples:
  sandbox run -- ls -la
      the current directory, and little else of this machine
  sandbox run --rootfs alpine
      a shell on a fresh Alpine Linux

sandbox help COMMAND explains a command and its flags.
`);
});

describe("screenWidth() takes COLUMNS, else the terminal's, else 80, within bounds", () => {
  test.each([
    ["100", 50, 100],
    [undefined, 50, 50],
    [undefined, 0, 80],
    [undefined, undefined, 80],
    ["", 50, 50],
    ["wide", 50, 50],
    ["0", undefined, 80],
    ["1", undefined, 30],
    [undefined, 500, 110],
  ])("COLUMNS=%p on %p columns: %d", (asked, terminal, width) => {
    expect(screenWidth(asked, terminal)).toBe(width);
  });
});

describe("wrapText() breaks at blanks", () => {
  test.each([
    ["", 5, [""]],
    ["a b c", 5, ["a b c"]],
    ["a b c", 4, ["a b", "c"]],
    ["a  b\nc", 9, ["a b c"]],
    ["unbreakable a", 4, ["unbreakable", "a"]],
    ["a unbreakable", 4, ["a", "unbreakable"]],
  ])("%j at %d", (text, width, lines) => {
    expect(wrapText(text, width)).toEqual(lines);
  });
});
