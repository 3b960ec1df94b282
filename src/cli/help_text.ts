// Help screens as text: pure, so that a test reads them whole.
import { type Command, type Example, type Flag, lastWord } from "./command.ts";
import { wrapText } from "./wrap_text.ts";

/** Width in columns. */
export type Screen = { readonly width: number; readonly colour: boolean };

type Row = { readonly label: string; readonly text: string };

const INDENT = 2;
const LABEL_COLUMNS = 28;
// Below this, two columns leave no room for words.
const NARROW = 60;
const BOLD = 1;
const CYAN = 36;

/** Usage, what it does, flags by group, examples. */
export function helpText(command: Command, screen: Screen): string {
  const groups = [...new Set(command.flags.map(({ group }) => group))];
  const rows = groups.map((group) => ({ group, list: flagRows(command, group) }));
  const verbs = (command.verbs ?? []).map(({ name, summary }) => ({ label: lastWord(name), text: summary }));
  const column = textColumn([...verbs, ...rows.flatMap(({ list }) => list)], screen);
  return joined([
    `${heading("Usage", screen)} ${command.usage}`,
    lines(`${command.summary}.`, 0, screen),
    ...command.description.map((paragraph) => lines(paragraph, 0, screen)),
    verbs.length > 0 ? section("Commands", verbs, column, screen) : "",
    ...rows.map(({ group, list }) => section(group, list, column, screen)),
    examples(command.examples, screen),
  ]);
}

/** What there is, where to begin, where to read on. */
export function overviewText(commands: readonly Command[], screen: Screen): string {
  const first = commands.flatMap((command) => command.examples.slice(0, command.passthrough ? 2 : 0));
  const rows = commands.map(({ name, summary }) => ({ label: name, text: summary }));
  return joined([
    `${heading("Usage", screen)} sandbox COMMAND [ARGUMENT...]`,
    lines("Runs commands in sandboxes: for any user, without root, without a daemon, in one file.", 0, screen),
    section("Commands", rows, textColumn(rows, screen), screen),
    examples(first, screen),
    lines("sandbox help COMMAND explains a command and its flags.", 0, screen),
  ]);
}

/** `-v, --volume SRC:DST`. */
export function flagLabel({ short, name, value }: Flag): string {
  return `${short ? `${short}, ` : ""}${name}${value === undefined ? "" : ` ${value}`}`;
}

function flagRows({ flags }: Command, group: string): readonly Row[] {
  const own = flags.filter((flag) => flag.group === group);
  const margin = flags.some(({ short }) => short) ? "    " : "";
  return own.map((flag) => ({ label: `${flag.short ? "" : margin}${flagLabel(flag)}`, text: flag.help }));
}

// Where the texts begin, the same for the whole screen; a longer label has its text below it.
function textColumn(rows: readonly Row[], { width }: Screen): number {
  if (width < NARROW) return INDENT * 4;
  const lengths = rows.map(({ label }) => label.length).filter((length) => length <= LABEL_COLUMNS);
  return INDENT + Math.max(0, ...lengths) + 2;
}

function section(title: string, rows: readonly Row[], column: number, screen: Screen): string {
  return [heading(title, screen), ...rows.map((row) => showRow(row, column, screen))].join("\n");
}

function showRow({ label, text }: Row, column: number, screen: Screen): string {
  const shown = `${" ".repeat(INDENT)}${paint(CYAN, label, screen)}`;
  const body = lines(text, column, screen);
  const room = column - INDENT - label.length;
  return room >= 2 ? `${shown}${" ".repeat(room)}${body.trimStart()}` : `${shown}\n${body}`;
}

function examples(list: readonly Example[], screen: Screen): string {
  if (list.length === 0) return "";
  const shown = list.map(({ command, does }) => {
    const line = `${" ".repeat(INDENT)}${paint(CYAN, command, screen)}`;
    return `${line}\n${lines(does, INDENT * 3, screen)}`;
  });
  return [heading("Examples", screen), ...shown].join("\n");
}

function lines(text: string, indent: number, { width }: Screen): string {
  const margin = " ".repeat(indent);
  return wrapText(text, width - indent)
    .map((line) => `${margin}${line}`)
    .join("\n");
}

function heading(title: string, screen: Screen): string {
  return paint(BOLD, `${title}:`, screen);
}

function paint(code: number, text: string, { colour }: Screen): string {
  return colour ? `\x1b[${code}m${text}\x1b[0m` : text;
}

function joined(blocks: readonly string[]): string {
  return `${blocks.filter((block) => block !== "").join("\n\n")}\n`;
}
