// Tests of a sandbox with a network of its own: what they need of the machine, the addresses that they dial, and programs for the inside.
import { noTun } from "./net_namespace.ts";
import { absent } from "./test_where.ts";
import type { Outcome, RunOptions, Workspace } from "./workspace.ts";

export const SLIRP = ["--net", "slirp:host-loopback"] as const;
/** What stands for the host's loopback inside. */
export const GATEWAY = { 4: "10.0.2.2", 6: "fd00::2" } as const;

/** Why there is no network of one's own, or nothing to dial in it with, if so. */
export const NO_NETWORK = noTun() ?? absent("python3");

/** Any but a hang: a test that waits for what never comes ends by this. */
export const HANG = 60_000;

const PRELUDE = `
import errno, hashlib, os, select, socket, struct, sys
GATEWAY = {4: "${GATEWAY[4]}", 6: "${GATEWAY[6]}"}
def dial(port, family=4): return socket.create_connection((GATEWAY[family], port), 40)
def datagrams(port, family=4):
    s = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(20)
    s.connect((GATEWAY[family], port))
    return s
def received(s): return b"".join(iter(lambda: s.recv(1 << 20), b""))
def outcome(act):
    try: act(); return "done"
    except OSError as error: return errno.errorcode.get(error.errno, repr(error))
def say(*words): print(*words, flush=True)
`;

/** A Python program with the words above at hand, and words of its own in sys.argv[1:]. */
export function python(program: string, ...words: readonly (string | number)[]): readonly string[] {
  return ["--", "python3", "-c", PRELUDE + program, ...words.map(String)];
}

/** What such a program prints; that it succeeds and complains of nothing is part of the claim. */
export async function pythonSays(here: Workspace, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return printed(await here.run(args, options));
}

export function printed({ code, stdout, stderr }: Outcome): string {
  if (code !== 0 || stderr !== "") throw new Error(`exit ${code}: ${stderr}${stdout}`);
  return stdout;
}

/** Why there is no network namespace in which to start a sandbox with one of its own, if so. */
export function noOuterNamespace(): string | undefined {
  const missing = NO_NETWORK ?? absent("unshare", "ip", "mount");
  if (missing !== undefined) return missing;
  const { exitCode, stderr } = Bun.spawnSync(["unshare", "-Urnm", "ip", "link", "set", "lo", "up"]);
  return exitCode === 0 ? undefined : stderr.toString().trim();
}

/** Words before a command: it runs as root of a user, network and mount namespace in which `prepare` has been run. */
export function within(prepare: string): readonly string[] {
  return ["unshare", "-Urnm", "sh", "-c", `set -e; ${prepare}; exec "$@"`, "sh"];
}
