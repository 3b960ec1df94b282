// Rows under headings, aligned, for people. Pure, so that a test reads them whole.
import { visible } from "./visible.ts";

export type Column<T> = {
  readonly title: string;
  /** Text from outside may be given as it is: it is made harmless here. */
  readonly cell: (row: T) => string;
  /** Numbers end below each other. */
  readonly right?: true;
};

const BOLD = 1;

/** A line for the titles and one for each row; nothing is cut. */
export function tableText<T>(columns: readonly Column<T>[], rows: readonly T[], colour: boolean): string {
  const cells = rows.map((row) => columns.map(({ cell }) => visible(cell(row))));
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_, at) => Math.max(...[titles, ...cells].map((line) => widthOf(line[at] ?? ""))));
  const shown = (line: readonly string[]): string =>
    line
      .map((text, at) => pad(text, widths[at] ?? 0, columns[at]?.right === true))
      .join("  ")
      .trimEnd();
  const head = colour ? `\x1b[${BOLD}m${shown(titles)}\x1b[0m` : shown(titles);
  return `${[head, ...cells.map(shown)].join("\n")}\n`;
}

function pad(text: string, width: number, right: boolean): string {
  const room = " ".repeat(Math.max(0, width - widthOf(text)));
  return right ? `${room}${text}` : `${text}${room}`;
}

function widthOf(text: string): number {
  return Bun.stringWidth(text);
}
