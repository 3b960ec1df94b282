// Tests that need something of the machine: where it is missing they are skipped, and their name says what was looked for.
import { test } from "bun:test";
import { accessSync, constants, readFileSync } from "node:fs";
import { userInfo } from "node:os";

type Test = (name: string, body: () => void | Promise<void>, timeout?: number) => void;

/** `test` where every reason is undefined; else a skip under the first reason. */
export function testWhere(...reasons: readonly (string | undefined)[]): Test {
  const reason = reasons.find((text) => text !== undefined);
  if (reason === undefined) return (name, body, timeout) => test(name, body, timeout);
  return (name, body) => test.skip(`${name} [skipped: ${reason}]`, body);
}

/** Why a program cannot be used, if so. */
export function absent(...programs: readonly string[]): string | undefined {
  const missing = programs.find((name) => Bun.which(name, { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin" }) === null);
  return missing && `${missing} is not installed`;
}

/** Why a range of ids cannot be mapped by newuidmap(1), if so. */
export function noIdRange(): string | undefined {
  const { username, uid } = userInfo();
  const listed = (file: string): boolean =>
    readFileSync(file, "utf8")
      .split("\n")
      .some((line) => line.startsWith(`${username}:`) || line.startsWith(`${uid}:`));
  const file = ["/etc/subuid", "/etc/subgid"].find((path) => !tried(() => listed(path)));
  return (
    absent("newuidmap", "newgidmap") ??
    notExecutable("/usr/bin/newuidmap") ??
    (file && `${file} has no range for ${username}`)
  );
}

export function asRoot(): string | undefined {
  return process.getuid?.() === 0 ? "the tests run as root" : undefined;
}

function notExecutable(path: string): string | undefined {
  return tried(() => isExecutable(path)) ? undefined : `${path} may not be executed`;
}

function tried(probe: () => boolean): boolean {
  try {
    return probe();
  } catch {
    return false;
  }
}

function isExecutable(path: string): boolean {
  accessSync(path, constants.X_OK);
  return true;
}
