// Tests that need a network of their own: a program of the test's is run in a new user and network namespace, where it is root, and prints
// what it saw as JSON.
import { closeSync, openSync } from "node:fs";
import { absent } from "./test_where.ts";

/** Why there is no new network namespace with links to be made in, if so. */
export function noNetNamespace(): string | undefined {
  const missing = absent("unshare", "ip");
  if (missing) return missing;
  const { exitCode, stderr } = Bun.spawnSync(["unshare", "-Urn", "true"]);
  return exitCode === 0 ? undefined : stderr.toString().trim();
}

/** Why no TAP device can be made, if so. */
export function noTun(): string | undefined {
  try {
    closeSync(openSync("/dev/net/tun", "r+"));
    return undefined;
  } catch (error) {
    return `/dev/net/tun: ${error instanceof Error ? error.message : error}`;
  }
}

/** What `scenario` of the program `file` prints in a namespace of its own; throws what it says on stderr where it fails. */
export function inNetNamespace(file: string, scenario: string): unknown {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["unshare", "-Urn", process.execPath, file, scenario]);
  if (exitCode !== 0) throw new Error(`${scenario} ended with ${exitCode}:\n${stderr}`);
  return JSON.parse(stdout.toString());
}

type Scenarios = Readonly<Record<string, () => unknown>>;

/** The last line of such a program: runs the scenario that the command line names. */
export function runScenario(scenarios: Scenarios): void {
  const scenario = scenarios[process.argv[2] ?? ""];
  if (!scenario) throw new Error(`no scenario ${process.argv[2]}`);
  console.log(JSON.stringify(scenario()));
}

/** What `ip -j` says: by a namespace's own eyes. */
export function ip(...words: readonly string[]): unknown {
  return shown("ip", words);
}

/** What bridge(8) says. */
export function bridge(...words: readonly string[]): unknown {
  return shown("bridge", words);
}

function shown(program: string, words: readonly string[]): unknown {
  const { exitCode, stdout, stderr } = Bun.spawnSync([program, "-j", "-d", ...words]);
  if (exitCode !== 0) throw new Error(`${program} ${words.join(" ")}: ${stderr}`);
  return JSON.parse(stdout.toString() || "[]");
}
