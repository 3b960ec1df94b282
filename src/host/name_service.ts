// Accounts and subordinate ids that are in no file: nsswitch.conf(5) may send both to a directory service (SSSD, systemd-homed). Only
// libc's own tools can ask it, so these two are run, and only when the files have given no answer.
import { findUser, type PasswdEntry } from "./passwd.ts";
import type { SubidRange } from "./subids.ts";

/** Runs a program and gives its standard output; `undefined` when it is missing, fails or takes longer than its limit. */
export type RunTool = (argv: readonly string[]) => string | undefined;

const TIMEOUT_MS = 3000;

export const runTool: RunTool = (argv) => {
  try {
    const { exitCode, stdout } = Bun.spawnSync({
      cmd: [...argv],
      stdin: "ignore",
      stderr: "ignore",
      timeout: TIMEOUT_MS,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin:/run/current-system/sw/bin", LC_ALL: "C" },
    });
    return exitCode === 0 ? stdout.toString() : undefined;
  } catch {
    return undefined;
  }
};

/** getent(1) `passwd`. */
export function userFromNameService(uid: number, run: RunTool): PasswdEntry | undefined {
  return findUser(run(["getent", "passwd", String(uid)]) ?? "", uid);
}

/** getsubids(1): ranges of uids, or with `group` of gids. */
export function subidsFromNameService(name: string, group: boolean, run: RunTool): readonly SubidRange[] {
  // getsubids takes a name that begins with a hyphen for an option.
  if (name.startsWith("-")) return [];
  return parseGetsubids(run(group ? ["getsubids", "-g", name] : ["getsubids", name]) ?? "");
}

/** One line a range: `0: alice 100000 65536`. */
export function parseGetsubids(output: string): readonly SubidRange[] {
  return output.split("\n").flatMap((line) => {
    const match = /^\d+: \S+ (\d{1,10}) (\d{1,10})$/.exec(line.trim());
    return match ? [{ start: Number(match[1]), count: Number(match[2]) }] : [];
  });
}
