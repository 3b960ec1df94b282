// What goes on while a root file system is being made, told to whoever waits: a bar on a terminal, lines elsewhere.

export type Progress =
  | { readonly kind: "waiting"; readonly object: string }
  /** Bytes so far; `total` where the server has told it. */
  | { readonly kind: "download"; readonly object: string; readonly bytes: number; readonly total: number | undefined }
  | { readonly kind: "unpack"; readonly object: string }
  | { readonly kind: "finished" };

export type ProgressOutput = {
  /** Is it a terminal? */
  readonly terminal: boolean;
  /** Of the terminal. */
  readonly columns: number;
  write(text: string): void;
  /** Milliseconds, from any start. */
  now(): number;
};

const REDRAW_EVERY = 50;
const CLEAR_LINE = "\r\x1b[K";
const BAR_WIDTH = 30;

/** A listener that writes to `output`. On a terminal the line is gone again when all is done. */
export function progressReporter(output: ProgressOutput): (progress: Progress) => void {
  return output.terminal ? onTerminal(output) : asLines(output);
}

function onTerminal({ columns, write, now }: ProgressOutput): (progress: Progress) => void {
  let drawn = Number.NEGATIVE_INFINITY;
  return (progress) => {
    const partial = progress.kind === "download" && progress.bytes !== progress.total;
    if (partial && now() - drawn < REDRAW_EVERY) return;
    drawn = now();
    write(`${CLEAR_LINE}${progressLine(progress).slice(0, Math.max(0, columns - 1))}`);
  };
}

/** One line for each stage. */
function asLines({ write }: ProgressOutput): (progress: Progress) => void {
  let last = "";
  return (progress) => {
    if (progress.kind === last || progress.kind === "finished") return;
    last = progress.kind;
    write(`${stageLine(progress)}\n`);
  };
}

function progressLine(progress: Progress): string {
  if (progress.kind !== "download") return stageLine(progress);
  const { object, bytes, total } = progress;
  if (!total) return `${object}  ${megabytes(bytes)}`;
  const share = Math.min(1, bytes / total);
  const filled = Math.round(share * BAR_WIDTH);
  const bar = "#".repeat(filled) + "-".repeat(BAR_WIDTH - filled);
  return `${object}  [${bar}] ${Math.floor(share * 100)} %  ${megabytes(bytes)} of ${megabytes(total)}`;
}

function stageLine(progress: Progress): string {
  switch (progress.kind) {
    case "waiting":
      return `Waiting for another process that unpacks ${progress.object}`;
    case "download":
      return `Downloading ${progress.object}${progress.total ? `, ${megabytes(progress.total)}` : ""}`;
    case "unpack":
      return `Unpacking ${progress.object}`;
    case "finished":
      return "";
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
