// Signals to the supervisor reach the command, and nothing else does.
import { describe, expect, test } from "bun:test";
import { LineReader } from "../support/line_reader.ts";
import { stopAndGoOn, untilWaiter } from "../support/processes.ts";
import { FORWARDED, SIGNAL_SAYER } from "../support/signal_sayer.ts";
import { type RunOptions, type Started, workspace } from "../support/workspace.ts";

const here = workspace();
type Running = { readonly child: Started; readonly out: LineReader };

/** A command that says what signals it gets, when the supervisor has become the waiter. */
async function sayer(args: readonly string[] = [], options: RunOptions = {}): Promise<Running> {
  const child = here.start([...args, "--", ...SIGNAL_SAYER], options);
  const out = new LineReader(child.stdout);
  await out.until("ready");
  await untilWaiter(child.pid);
  return { child, out };
}

async function ended({ child }: Running): Promise<number> {
  await child.stdin.end();
  return child.exited;
}

describe("forwarding", () => {
  test.each([
    ["behind PID 1", []],
    ["to a command that is PID 1", ["--no-init"]],
    ["in the caller's session", ["--no-new-session"]],
  ])("every signal of the list arrives %s, once and in order", async (_, args) => {
    const running = await sayer(args);
    for (const name of FORWARDED) {
      running.child.kill(`SIG${name}`);
      expect(await running.out.next()).toBe(`SIG${name}`);
    }
    expect(await ended(running)).toBe(0);
    expect(await running.out.rest()).toBe("");
  });

  test("a signal that comes as soon as the command runs is forwarded like any other", async () => {
    for (let i = 0; i < 20; i++) {
      const child = here.start(["--", "sh", "-c", 'trap "exit 33" TERM; echo ready; while :; do read line; done']);
      await new LineReader(child.stdout).until("ready");
      child.kill("SIGTERM");
      expect(await child.exited).toBe(33);
    }
  });

  test("a signal that comes before the command runs is not lost on it: the sandbox ends", async () => {
    const child = here.start(["--", "cat"]);
    child.kill("SIGTERM");
    await child.exited;
    expect(child.exitCode ?? child.signalCode).toBeOneOf([143, "SIGTERM"]);
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
    ["SIGHUP", 129],
    ["SIGUSR1", 138],
  ] as const)("%s ends a command that does not handle it, with status %i", async (signal, status) => {
    const child = here.start(["--ulimit", "core=0", "--", "sh", "-c", "echo ready; exec cat"]);
    await new LineReader(child.stdout).until("ready");
    child.kill(signal);
    await child.exited;
    expect(child.exitCode ?? child.signalCode).toBeOneOf([status, signal]);
  });

  test("a command that handles SIGTERM decides its own exit status", async () => {
    const running = await sayer();
    running.child.kill("SIGTERM");
    expect(await running.out.next()).toBe("SIGTERM");
    expect(await ended(running)).toBe(0);
  });

  test("SIGTSTP stops the command, SIGCONT lets it go on", async () => {
    const child = here.start(["--", "sh", "-c", "echo ready; exec cat"]);
    const out = new LineReader(child.stdout);
    await out.until("ready");
    await stopAndGoOn(child);
    expect(await out.next()).toBe("through");
    await child.stdin.end();
    expect(await child.exited).toBe(0);
  });

  test("SIGPIPE to the supervisor is nothing to the command", async () => {
    const running = await sayer();
    running.child.kill("SIGPIPE");
    running.child.kill("SIGUSR1");
    expect(await running.out.next()).toBe("SIGUSR1");
    expect(await ended(running)).toBe(0);
  });

  test("a caller that ignores HUP and INT still has them forwarded", async () => {
    const running = await sayer([], { via: ["sh", "-c", "trap '' HUP INT CHLD; exec \"$@\"", "sh"] });
    running.child.kill("SIGHUP");
    expect(await running.out.next()).toBe("SIGHUP");
    expect(await ended(running)).toBe(0);
  });
});

describe("sessions and groups", () => {
  test("the command has a session of its own by default, whose leader is not outside", async () => {
    const [sid] = (await here.inside("ps -o sid= -p $$")).trim().split("\n");
    expect(Number(sid)).toBeGreaterThan(0);
  });

  test("with --no-new-session it stays in the caller's, seen as 0 from inside", async () => {
    expect((await here.inside("ps -o sid= -p $$", ["--no-new-session"])).trim()).toBe("0");
  });

  test.each([
    ["a session of its own", []],
    ["the caller's session", ["--no-new-session"]],
  ])("kill 0 of a command in %s reaches its own group only", async (_, args) => {
    // The shell outside leads a group that the sandbox was started in; a stray signal would end it.
    const script = `"$@"; echo "outside $?"`;
    const via = ["setsid", "sh", "-c", script, "sh"];
    const out = await here.run([...args, "--", "sh", "-c", "kill -TERM 0; echo not reached"], { via });
    expect(out.stdout).toBe("outside 143\n");
  });

  test("kill -1 of a command ends what is inside, not PID 1, and nothing outside", async () => {
    const { code, stdout } = await here.run(["--", "sh", "-c", "sleep 1000 & kill -TERM -1; wait; echo alive"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "alive\n" });
  });

  test("PID 1 cannot be killed from inside", async () => {
    expect(await here.inside("kill -KILL 1; kill -STOP 1; echo alive")).toBe("alive\n");
  });
});
