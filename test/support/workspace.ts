// A place for the tests of one file: a project folder to run in, a home, a store and a temporary folder of its own, all
// removed at the end; and the built binary, driven from outside as a user drives it.
import { afterAll } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export const SANDBOX = resolve(process.env.SANDBOX_BIN ?? join(import.meta.dir, "../../dist/sandbox"));

/** Removing a tree may meet folders that nothing may be removed from. */
function removeTree(dir: string): void {
  Bun.spawnSync(["chmod", "-R", "u+rwX", dir], { stderr: "ignore" });
  rmSync(dir, { recursive: true, force: true });
}

export type Outcome = {
  /** Exit status as a shell tells it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
};

export type RunOptions = {
  readonly stdin?: string | Uint8Array | number | undefined;
  /** Where not collected. */
  readonly stdout?: number | undefined;
  /** Added to the workspace's environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  /** A command that executes the sandbox, its own words put in front: `["nice", "-n", "5"]`. */
  readonly via?: readonly string[] | undefined;
};

export type Started = Bun.Subprocess<"pipe", "pipe", "pipe">;

export class Workspace implements Disposable {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), "sandbox-test-")));
  readonly dir = join(this.root, "project");
  readonly home = join(this.root, "home");
  readonly data = join(this.root, "data");
  readonly runtime = join(this.root, "runtime");

  constructor() {
    for (const folder of [this.dir, this.home, this.data]) mkdirSync(folder);
    mkdirSync(this.runtime, { mode: 0o700 });
  }

  get env(): Record<string, string> {
    const { PATH = "/usr/local/bin:/usr/bin:/bin" } = process.env;
    return {
      PATH,
      HOME: this.home,
      USER: process.env.USER ?? "tester",
      LANG: "C.UTF-8",
      XDG_DATA_HOME: this.data,
      XDG_RUNTIME_DIR: this.runtime,
      TMPDIR: this.root,
    };
  }

  /** A file of the project folder (or at an absolute path), made with its folders; gives the path. */
  file(name: string, content = "", mode = 0o644): string {
    const path = resolve(this.dir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode });
    return path;
  }

  /** A folder of the project folder; gives the path. */
  folder(name: string): string {
    const path = resolve(this.dir, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** `sandbox ARGS`, to its end. */
  async sandbox(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.host([SANDBOX, ...args], options);
  }

  /** `sandbox run ARGS`, to its end. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.sandbox(["run", ...args], options);
  }

  /** What a shell script prints inside; that it succeeds and complains of nothing is part of the claim. */
  async inside(script: string, args: readonly string[] = [], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run([...args, "--", "sh", "-c", script], options);
    if (code !== 0 || stderr !== "") throw new Error(`exit ${code} of: ${script}\n${stderr}${stdout}`);
    return stdout;
  }

  /** Any command on the host, in the workspace's environment. */
  async host(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const child = Bun.spawn([...(options.via ?? []), ...argv], {
      cwd: options.cwd ?? this.dir,
      env: { ...this.env, ...options.env },
      stdin: stdinOf(options.stdin),
      stdout: options.stdout ?? "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([
      child.stdout instanceof ReadableStream ? new Response(child.stdout).text() : "",
      new Response(child.stderr).text(),
    ]);
    await child.exited;
    return { code: statusOf(child), stdout, stderr };
  }

  /** `sandbox run ARGS`, left running, its streams in pipes. */
  start(args: readonly string[], options: RunOptions = {}): Started {
    return Bun.spawn([...(options.via ?? []), SANDBOX, "run", ...args], {
      cwd: options.cwd ?? this.dir,
      env: { ...this.env, ...options.env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
  }

  [Symbol.dispose](): void {
    removeTree(this.root);
  }
}

/** A workspace for the tests of the calling file. */
export function workspace(): Workspace {
  const made = new Workspace();
  afterAll(() => made[Symbol.dispose]());
  return made;
}

/** Exit status as a shell tells it, of a process that has ended. */
export function statusOf({ exitCode, signalCode }: Pick<Bun.Subprocess, "exitCode" | "signalCode">): number {
  if (exitCode !== null) return exitCode;
  return 128 + (typeof signalCode === "number" ? signalCode : constants.signals[signalCode ?? "SIGKILL"]);
}

function stdinOf(stdin: RunOptions["stdin"]): Uint8Array | number | "ignore" {
  if (stdin === undefined) return "ignore";
  return typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
}
