// Words to the user, on standard error, each line marked as ours.

import { writeAll } from "../../ffi/file.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import type { Fault } from "../base/fault.ts";

const encoder = new TextEncoder();

export function note(text: string): void {
  toStderr(`sandbox: ${text}\n`);
}

/** what: cause, and the mend below. */
export function sayFault(fault: Fault, colour: boolean): void {
  toStderr(faultText(fault, colour));
}

export function faultText({ what, cause, hint }: Fault, colour: boolean): string {
  const paint = (code: number, text: string): string => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
  const mend =
    hint === ""
      ? ""
      : `${hint
          .split("\n")
          .map((line) => `  ${line}`)
          .join("\n")}\n`;
  return `${paint(31, "sandbox:")} ${what}: ${cause}\n${mend}`;
}

export function toStdout(text: string): void {
  writeAll(1, "standard output", encoder.encode(text));
}

// Nobody is left to be told when standard error is gone.
export function toStderr(text: string): void {
  for (let rest = encoder.encode(text); rest.length > 0; ) {
    const put = rawSyscall("write", 2, rest, rest.length);
    if (put <= 0) return;
    rest = rest.subarray(put);
  }
}

const TCGETS = 0x5401;

/** NO_COLOR (no-color.org), TERM=dumb, and whether it is a terminal at all. */
export function coloursOn(fd: number, env: Readonly<Record<string, string | undefined>>): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== "") return false;
  return env.TERM !== "dumb" && rawSyscall("ioctl", fd, TCGETS, new Uint8Array(64)) === 0;
}
