import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localEndpoint } from "../../../ffi/socket.ts";
import { runCommand } from "../../../src/cli/commands/run.table.ts";
import { closeSockets, type ListenSocket, openSockets } from "../../../src/cli/listen_sockets.ts";
import { parseArguments } from "../../../src/cli/parse/arguments.ts";
import { parseListen } from "../../../src/cli/parse/listen.ts";
import { instanceWords, listenRequest } from "../../../src/cli/run_listen.ts";
import { formatIpAddress } from "../../../src/net/wire/ip_address.ts";
import { mutate, random } from "../host/random.ts";
import { faultOf } from "./fault_of.ts";

const parsed = (...words: readonly string[]) => parseArguments(runCommand, [...words, "true"]);

function shown(text: string): string {
  const { name, at } = parseListen(text);
  const place = at.kind === "tcp" ? `${formatIpAddress(at.address)} ${at.port}` : at.kind === "unix" ? at.path : "";
  return [name ?? "-", at.kind, place].join(" ");
}

describe("parseListen()", () => {
  test.each([
    ["tcp:8080", "- tcp 127.0.0.1 8080"],
    ["tcp:0", "- tcp 127.0.0.1 0"],
    ["tcp:65535", "- tcp 127.0.0.1 65535"],
    ["tcp:0.0.0.0:80", "- tcp 0.0.0.0 80"],
    ["tcp:[::1]:8080", "- tcp ::1 8080"],
    ["tcp:[::]:8080", "- tcp :: 8080"],
    ["http=tcp:8080", "http tcp 127.0.0.1 8080"],
    ["unix:/run/a.sock", "- unix /run/a.sock"],
    ["unix:a:b=c", "- unix a:b=c"],
    ["api v1=unix:./a.sock", "api v1 unix ./a.sock"],
    ["systemd", "- systemd "],
  ])("reads %s", (text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  test.each([
    ["", "not how it is written"],
    ["8080", "not how it is written"],
    ["tcp:", "not how it is written"],
    ["unix:", "not how it is written"],
    ["udp:53", "not how it is written"],
    ["a:b=tcp:80", "not how it is written"],
    ["=tcp:80", "not how it is written"],
    ["systemd:3", "not how it is written"],
    ["tcp:65536", '"65536" is no port'],
    ["tcp:http", '"http" is no port'],
    ["tcp:127.0.0.1:", '"" is no port'],
    ["tcp:::1:80", "brackets"],
    ["tcp:[127.0.0.1]:80", "no IP address"],
    ["tcp:localhost:80", '"localhost" is no IP address'],
    ["tcp:[fe80::1%eth0]:80", "no IP address"],
  ])("refuses %j: %s", (text, cause) => {
    const fault = faultOf(() => parseListen(text));
    expect(fault.exitCode).toBe(2);
    expect(fault.what).toBe(`Cannot use --listen ${JSON.stringify(text)}`);
    expect(fault.cause).toContain(cause);
    expect(fault.hint).toContain("tcp:8080");
  });

  test("10,000 mutated texts: a port in range and a name without a colon, or a usage fault", () => {
    const seeds = ["tcp:8080", "http=tcp:127.0.0.1:80", "tcp:[::1]:8080", "unix:./a.sock", "systemd"];
    const next = random(11);
    let read = 0;
    for (let i = 0; i < 10_000; i++) if (isRead(mutate(seeds[i % seeds.length] ?? "", next))) read++;
    expect(read).toBeWithin(100, 9900);
  });
});

function isRead(text: string): boolean {
  try {
    const { name, at } = parseListen(text);
    if (at.kind === "tcp") expect(at.port).toBeWithin(0, 65_536);
    expect(name ?? "").not.toContain(":");
    return true;
  } catch (error) {
    expect((error as { readonly fault: { readonly exitCode: number } }).fault.exitCode).toBe(2);
    return false;
  }
}

describe("listenRequest()", () => {
  test("limits are those of systemd.socket(5)", () => {
    expect(listenRequest(parsed("--listen", "tcp:80", "--listen-mode", "inetd"))).toMatchObject({
      mode: "inetd",
      most: 64,
      mostPerAddress: 64,
    });
    const limits = ["--max-instances", "5", "--max-instances-per-address=2"];
    expect(listenRequest(parsed("--listen", "tcp:80", "--listen-mode", "inetd", ...limits))).toMatchObject({
      most: 5,
      mostPerAddress: 2,
    });
  });

  test.each([
    [["--listen-mode", "inetd"], "nothing is listened at"],
    [["--max-instances", "3"], "nothing is listened at"],
    [["--listen", "tcp:80", "--listen-mode", "accept"], "listen-fd"],
    [["--listen", "tcp:80", "--max-instances", "3"], "there is one instance"],
    [["--listen", "tcp:80", "--listen-mode", "inetd", "--max-instances", "0"], "1 to"],
    [["--idle-timeout", "3"], "nothing is listened at"],
    [["--listen", "tcp:80", "--idle-timeout", "0"], "30s, 5min"],
    [["--listen", "tcp:80", "--idle-timeout", "1d"], "30s, 5min"],
    [["--listen", "tcp:80", "--idle-timeout", "-1"], "30s, 5min"],
    [["--listen", "tcp:80", "--idle-timeout", "1s", "--listen-mode", "inetd"], "as long as its client"],
    [["--listen", "tcp:80", "--idle-timeout", "1s", "--listen", "unix:a"], "unix socket"],
    [["--listen", "tcp:80", "--tty"], "no terminal"],
    [["--listen", "tcp:80", "--preserve-fds", "1"], "descriptors"],
    [["--listen", "tcp:80", "--listen-mode", "inetd", "-p", "80"], "published by one"],
    [["--listen", "systemd", "--listen", "systemd"], "named twice"],
  ])("refuses %j", (words, cause) => {
    const fault = faultOf(() => listenRequest(parsed(...words)));
    expect(fault.exitCode).toBe(2);
    expect(`${fault.what}: ${fault.cause} ${fault.hint}`).toContain(cause);
  });
});

test.each([
  ["30", 30_000],
  ["1.5s", 1500],
  ["250ms", 250],
  ["5min", 300_000],
  ["2h", 7_200_000],
])("--idle-timeout %s is %d ms", (text, time) => {
  expect(listenRequest(parsed("--listen", "tcp:80", "--idle-timeout", text)).idleTimeout).toBe(time);
});

test("instanceWords(): the same run, without the listening, whatever its values look like", () => {
  const words = [
    "--listen",
    "tcp:80",
    "--no-init",
    "-e",
    "A=--b\n",
    "-eB=2",
    "--pull",
    "always",
    "--no-die-with-parent",
  ];
  const again = parseArguments(runCommand, instanceWords(parsed(...words), ["--env", "LISTEN_FDS=1"]).slice(2));
  expect([...again.switches]).toEqual(["--no-init"]);
  expect([...again.values]).toEqual([["--env", ["A=--b\n", "B=2", "LISTEN_FDS=1"]]]);
  expect(again.positionals).toEqual(["true"]);
});

describe("openSockets()", () => {
  const root = mkdtempSync(join(tmpdir(), "sandbox-listen-"));
  const opened: ListenSocket[] = [];
  const open = (texts: readonly string[], env: Record<string, string> = {}): readonly ListenSocket[] => {
    const sockets = openSockets(texts.map(parseListen), { pid: 7, env });
    opened.push(...sockets);
    return sockets;
  };
  afterEach(() => closeSockets(opened.splice(0)));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  test("a chosen port is told, and no number is one of those that are handed on", () => {
    const sockets = open(["tcp:0", "b=tcp:0", "tcp:0"]);
    for (const { fd } of sockets) expect(fd.number).toBeGreaterThanOrEqual(6);
    expect(sockets.map(({ name }) => name)).toEqual(["unknown", "b", "unknown"]);
    expect(sockets[0]?.chosen).toBe(`tcp:127.0.0.1:${localEndpoint(sockets[0]?.fd.number ?? -1).port}`);
  });

  test("a busy port is named, and the socket file made before it goes", () => {
    const path = join(mkdtempSync(join(root, "case-")), "a.sock");
    const [taken] = open(["tcp:0"]);
    const port = localEndpoint(taken?.fd.number ?? -1).port;
    expect(faultOf(() => open([`unix:${path}`, `tcp:${port}`]))).toMatchObject({
      exitCode: 125,
      what: `Cannot listen at tcp:127.0.0.1:${port} (--listen)`,
      cause: "the port is in use",
    });
    expect(existsSync(path)).toBe(false);
  });

  test("a socket file that somebody listens at is an error; one that nobody does is replaced; a file is left alone", () => {
    const home = mkdtempSync(join(root, "case-"));
    const path = join(home, "a.sock");
    const [live] = open([`unix:${path}`]);
    expect(faultOf(() => open([`unix:${path}`])).cause).toBe("somebody listens there");
    live?.fd.close();
    open([`unix:${path}`]);
    const file = join(home, "file");
    writeFileSync(file, "");
    expect(faultOf(() => open([`unix:${file}`])).cause).toBe("there is something else of that name");
    expect(existsSync(file)).toBe(true);
    expect(faultOf(() => open([`unix:${home}/none/a.sock`])).cause).toBe("its folder does not exist");
    expect(faultOf(() => open([`unix:/${"a".repeat(107)}`])).cause).toContain("107 bytes");
  });

  test("what another has put in the place of our file stays", () => {
    const path = join(mkdtempSync(join(root, "case-")), "a.sock");
    const sockets = openSockets([parseListen(`unix:${path}`)], { pid: 7, env: {} });
    rmSync(path);
    writeFileSync(path, "other");
    closeSockets(sockets);
    expect(existsSync(path)).toBe(true);
  });

  test.each([
    [{}, "not set"],
    [{ LISTEN_PID: "8", LISTEN_FDS: "1" }, "another process"],
    [{ LISTEN_PID: "7", LISTEN_FDS: "0" }, "another process"],
    [{ LISTEN_PID: "7", LISTEN_FDS: "x" }, "another process"],
    [{ LISTEN_PID: "7", LISTEN_FDS: "1000" }, "is no socket"],
  ])("systemd's own: %j is refused", (env, cause) => {
    const fault = faultOf(() => open(["systemd"], env as Record<string, string>));
    expect(fault.exitCode).toBe(125);
    expect(fault.cause).toContain(cause);
  });
});
