// A fact that cannot be read is an unknown fact, not a failure: /proc and /sys refuse files for a dozen harmless reasons
// (hidepid, a masked path, a security module that is switched off and answers EINVAL).
import { readText, stat } from "../../ffi/file.ts";

/** The file's text, or `undefined` when it is absent, unreadable or larger than `limit` bytes. */
export function readHostFile(path: string, limit?: number): string | undefined {
  try {
    return readText(path, limit);
  } catch {
    return undefined;
  }
}

/** Is there something at `path`, as far as we may look? */
export function exists(path: string): boolean {
  try {
    return stat(path) !== undefined;
  } catch {
    return false;
  }
}

/** A file that holds one decimal number, as those below /proc/sys do. */
export function readHostNumber(path: string): number | undefined {
  return parseNumber(readHostFile(path));
}

/** A decimal integer with optional sign and surrounding space; `undefined` for anything else. */
export function parseNumber(text: string | undefined): number | undefined {
  const trimmed = text?.trim() ?? "";
  return /^-?\d{1,15}$/.test(trimmed) ? Number(trimmed) : undefined;
}
