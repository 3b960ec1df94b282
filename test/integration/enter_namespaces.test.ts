import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readlinkSync } from "node:fs";
import { join } from "node:path";
import type { EnterOrder } from "../support/enter_program.ts";
import { LineReader } from "../support/line_reader.ts";
import { noNetNamespace } from "../support/net_namespace.ts";
import { testWhere } from "../support/test_where.ts";

const PROGRAM = join(import.meta.dir, "../support/enter_program.ts");
const testEntered = testWhere(noNetNamespace());
const STATUS = ["sh", "-c", "cat /proc/self/status; ls -l /proc/self/ns /proc/self/fd"];

function enter(order: Partial<EnterOrder>): {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
} {
  const whole = { program: "/bin/sh", argv: STATUS, namespaces: [], env: ["PATH=/usr/bin:/bin", "ONE=1 "], ...order };
  const child = Bun.spawnSync([process.execPath, PROGRAM, JSON.stringify(whole)]);
  return { code: child.exitCode, stdout: child.stdout.toString(), stderr: child.stderr.toString() };
}

describe("entering namespaces that are there", () => {
  // Where the caller is not root in it: capabilities must survive an execve of an ordinary id.
  const owner = Bun.spawn(["unshare", "-cUn", "sh", "-c", "echo ready; exec cat"], { stdin: "pipe", stdout: "pipe" });
  const user = { file: `/proc/${owner.pid}/ns/user`, type: "user" } as const;
  const network = { file: `/proc/${owner.pid}/ns/net`, type: "network" } as const;
  beforeAll(async () => {
    await new LineReader(owner.stdout).until("ready");
  });
  afterAll(async () => {
    owner.stdin.end();
    await owner.exited;
  });

  testEntered("a program goes on in both, with all capabilities, and nothing but its standard streams", () => {
    const { code, stdout, stderr } = enter({ namespaces: [user, network] });
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain(readlinkSync(user.file));
    expect(stdout).toContain(readlinkSync(network.file));
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"]) expect(stdout).toMatch(new RegExp(`${set}:\t0*1ff`));
    expect(stdout).toMatch(/SigBlk:\t0+\n/);
    expect(stdout).not.toMatch(/ [3-9] -> (?!.*\/proc\/\d+\/(fd|ns))/);
  });

  testEntered("the environment is handed on as it was, words too", () => {
    const argv = ["sh", "-c", 'echo "$0:$1:$ONE"; env | wc -l', "zero", ""];
    expect(enter({ argv, namespaces: [user] }).stdout).toBe("zero::1 \n3\n");
  });

  testEntered("a step that fails is told to the program by its name and its errno", () => {
    const argv = ["echo", "not this"];
    const told = (namespaces: EnterOrder["namespaces"]): string =>
      enter({ program: "/bin/echo", argv, namespaces }).stdout;
    expect(told([user, user])).toBe("enter-failed user 22\n");
    expect(told([user, { file: "/proc/self/ns/net", type: "network" }])).toBe("enter-failed network 1\n");
    expect(told([{ ...network, type: "user" }])).toBe("enter-failed user 22\n");
  });

  testEntered("a program that cannot be executed again is told of in words", () => {
    const { code, stdout, stderr } = enter({ program: "/etc/passwd", namespaces: [user] });
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toBe(
      "sandbox: Cannot execute itself again in other namespaces: its file has gone, or may not be executed\n",
    );
  });
});
