// A terminal of the sandbox's own, joined with the caller's: a real pseudo-terminal on the outside, typed into.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { SANDBOX, workspace } from "../support/workspace.ts";

const here = workspace();
const DRIVER = join(import.meta.dir, "../fixtures/terminal/drive.py");
const ENTER = "\r";
const CTRL_C = "\x03";
const CTRL_D = "\x04";
const CTRL_Z = "\x1a";

type Action = readonly ["expect" | "send", string] | readonly ["size", number, number] | readonly ["signal", number];
type Session = { readonly out: string; readonly status: number; readonly restored: boolean; readonly stuck?: string };

async function session(args: readonly string[], script: readonly Action[]): Promise<Session> {
  const { stdout, stderr } = await here.host(
    ["python3", DRIVER, "33", "111", JSON.stringify(script), SANDBOX, "run", ...args],
    { env: { TERM: "xterm" } },
  );
  const result = JSON.parse(stdout === "" ? JSON.stringify({ stuck: stderr, out: "" }) : stdout) as Session;
  if (result.stuck !== undefined) throw new Error(`waited in vain for ${result.stuck} in: ${result.out}`);
  return result;
}

describe("on a terminal", () => {
  test("the command has one of its own, from the sandbox's devpts, with the caller's size from its first moment", async () => {
    const { out, status, restored } = await session(["--", "sh", "-c", "tty; stty size; exit 7"], []);
    expect(out).toContain("/dev/pts/0\r\n33 111\r\n");
    expect(status).toBe(7);
    expect(restored).toBe(true);
  });

  test("it is the controlling terminal of the command's session, not of PID 1's", async () => {
    const { out } = await session(["--", "sh", "-c", "ps -o pid=,sid=,tty= -p 1,2"], []);
    expect(out).toMatch(/1\s+1\s+\?/);
    expect(out).toMatch(/2\s+2\s+pts\/0/);
  });

  test("what is typed arrives, Ctrl-C interrupts the command inside and nothing else", async () => {
    const { out, status } = await session(
      ["--", "bash", "--norc", "-i"],
      [
        ["expect", "$ "],
        ["send", `sh -c "echo ready; exec sleep 1000"${ENTER}`],
        ["expect", "ready\r\n"],
        ["send", CTRL_C],
        ["expect", "$ "],
        ["send", `echo code $?${ENTER}`],
        ["expect", "code 130"],
        ["send", CTRL_D],
      ],
    );
    expect(out).toContain("code 130");
    expect(status).toBe(0);
  });

  test("job control works inside: Ctrl-Z stops a job of the shell's", async () => {
    const { out } = await session(
      ["--", "bash", "--norc", "-i"],
      [
        ["expect", "$ "],
        ["send", `sh -c "echo ready; exec sleep 1000"${ENTER}`],
        ["expect", "ready\r\n"],
        ["send", CTRL_Z],
        ["expect", "Stopped"],
        ["expect", "$ "],
        ["send", `exit${ENTER}`],
        ["expect", "There are stopped jobs"],
        ["expect", "$ "],
        ["send", `exit${ENTER}`],
      ],
    );
    expect(out).toContain("Stopped");
  });

  test("a window that changes its size is told of inside", async () => {
    const { out } = await session(
      ["--", "bash", "-c", "trap 'stty size; exit' WINCH; echo ready; while :; do read -t 1; done"],
      [
        ["expect", "ready"],
        ["size", 20, 77],
        ["expect", "20 77"],
      ],
    );
    expect(out).toContain("20 77");
  });

  test("a signal to the supervisor reaches the command, and the caller's modes come back", async () => {
    const { out, status, restored } = await session(
      ["--", "bash", "-c", "trap 'echo got TERM; exit 9' TERM; echo ready; while :; do read -t 1; done"],
      [
        ["expect", "ready"],
        ["signal", 15],
        ["expect", "got TERM"],
      ],
    );
    expect(out).toContain("got TERM");
    expect([status, restored]).toEqual([9, true]);
  });

  test("all output is there when the command ends at once, however long", async () => {
    const { out } = await session(["--", "sh", "-c", "seq 1 20000; echo the end"], []);
    expect(out.split("\r\n").slice(0, -2)).toEqual(Array.from({ length: 20000 }, (_, i) => String(i + 1)));
    expect(out).toEndWith("the end\r\n");
  });

  test("a command that is not found leaves the terminal as it was", async () => {
    const { out, status, restored } = await session(["--", "no-such-command"], []);
    expect(out).toContain("Cannot find the command no-such-command");
    expect([status, restored]).toEqual([127, true]);
  });

  test("--no-tty leaves the caller's terminal to the command", async () => {
    const { out } = await session(["--no-tty", "--", "sh", "-c", "stty size; ls /dev/pts"], []);
    expect(out).toContain("33 111");
    expect(out).not.toMatch(/^0/m);
  });

  test("nobody inside can put characters into the caller's input", async () => {
    const inject =
      "import fcntl, sys\ntry:\n fcntl.ioctl(0, 0x5412, b'x')\n print('injected')\nexcept OSError as e: print('errno', e.errno)";
    const { out } = await session(["--no-tty", "--no-new-session", "--", "python3", "-c", inject], []);
    expect(out).toContain("errno 1\r\n");
  });
});

describe("-t without a terminal", () => {
  test("gives one all the same, and the end of input ends what reads it", async () => {
    const { code, stdout } = await here.run(["-t", "--", "sh", "-c", "tty; cat; echo done"], { stdin: "typed\n" });
    expect(stdout).toContain("/dev/pts/0");
    expect(stdout).toContain("typed");
    expect(stdout).toContain("done");
    expect(code).toBe(0);
  });
});
