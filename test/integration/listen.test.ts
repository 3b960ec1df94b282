// `sandbox run --listen`: nothing runs before the first client; then one instance with the sockets, or one for each connection.
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { connect, createServer, type NetConnectOpts, type Socket } from "node:net";
import { join } from "node:path";
import { childrenOf } from "../support/children.ts";
import { LineReader } from "../support/line_reader.ts";
import { eventually, gone, withDescendants } from "../support/processes.ts";
import { absent, asRoot, testWhere } from "../support/test_where.ts";
import { SANDBOX, type Started, statusOf, workspace } from "../support/workspace.ts";

const here = workspace();
const withPython = testWhere(absent("python3"));
const withIpv6 = testWhere(existsSync("/proc/net/if_inet6") ? undefined : "this host has no IPv6");
const server = here.file("server.py", readFileSync(join(import.meta.dir, "../support/listen_fd_server.py"), "utf8"));
const children = childrenOf(here);

type Listening = {
  readonly child: Started;
  readonly said: LineReader;
  readonly port: number;
};

/** A sandbox that listens at one port which the kernel chose, and at what `flags` say. */
async function listening(flags: readonly string[], command: readonly string[]): Promise<Listening> {
  const child = children.start(["--listen", "tcp=tcp:0", ...flags, "--", ...command]);
  const said = new LineReader(child.stderr);
  const line = (await said.next()) ?? "";
  const port = Number(/^sandbox: listening at tcp:127\.0\.0\.1:(\d+)$/.exec(line)?.[1]);
  if (Number.isNaN(port)) throw new Error(`not listening: ${line}\n${await said.rest()}`);
  return { child, said, port };
}

const inetd = (flags: readonly string[], command: readonly string[]): Promise<Listening> =>
  listening(["--listen-mode", "inetd", ...flags], command);

/** All that comes back until the other end has no more. */
function talk(to: NetConnectOpts, payload: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect({ ...to, allowHalfOpen: true }, () => socket.end(payload));
    socket.on("data", (data) => {
      text += data.toString();
    });
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
  });
}

/** A connection on which something has come back. */
function held(port: number, payload = "hello\n"): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(payload));
    socket.once("data", () => resolve(socket));
    socket.once("error", reject);
  });
}

async function ended(child: Started): Promise<number> {
  await child.exited;
  return statusOf(child);
}

describe("listen-fd", () => {
  withPython(
    "nothing runs before the first client; then one instance has the sockets, and LISTEN_PID is its pid",
    async () => {
      const path = join(here.dir, "a.sock");
      const { child, port } = await listening(["--listen", `unix:${path}`], ["python3", server]);
      expect(existsSync(path)).toBe(true);
      expect(withDescendants(child.pid)).toEqual([child.pid]);
      const answers = Promise.all([talk({ port, host: "127.0.0.1" }, "hello\n"), talk({ path }, "hello\n")]);
      const said = await new LineReader(child.stdout).until("ready");
      expect(said).toEqual(["pid 2 2", "descriptors 0 1 2 3 4", "blocking True True", "ready"]);
      expect(await answers).toEqual(["tcp 2\n", "unknown 2\n"]);
      child.kill("SIGTERM");
      expect(await ended(child)).toBe(0);
      expect(existsSync(path)).toBe(false);
    },
  );

  withPython("without our PID 1, LISTEN_PID is 1; --net none is no obstacle", async () => {
    const { child, port } = await listening(["--no-init", "--net", "none"], ["python3", server]);
    expect(await talk({ port, host: "127.0.0.1" }, "hello\n")).toBe("tcp 1\n");
    expect(await new LineReader(child.stdout).next()).toBe("pid 1 1");
  });

  withPython("when the command has ended, the next client starts it again; a failure is told once", async () => {
    const { child, port, said } = await listening([], ["python3", server]);
    const out = new LineReader(child.stdout);
    expect(await talk({ port, host: "127.0.0.1" }, "quit 3\n")).toBe("tcp 2\n");
    await out.until("ready");
    expect(await said.next()).toBe("sandbox: the command ended with status 3; waiting for the next client");
    expect(withDescendants(child.pid)).toEqual([child.pid]);
    expect(await talk({ port, host: "127.0.0.1" }, "quit 0\n")).toBe("tcp 2\n");
    await out.until("ready");
    await eventually(
      () => withDescendants(child.pid).length,
      (count) => count === 1,
    );
    child.kill("SIGINT");
    expect(await ended(child)).toBe(0);
    expect(await said.rest()).toBe("");
  });

  test("a command that leaves its client waiting is not started for ever", async () => {
    const { child, port, said } = await listening([], ["true"]);
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => socket.destroy());
    expect(await ended(child)).toBe(125);
    expect(await said.rest()).toContain("--listen-mode inetd");
  });

  test("a command that is not there ends it with 127, told once", async () => {
    const { child, port, said } = await listening([], ["/no/such/command"]);
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => socket.destroy());
    expect(await ended(child)).toBe(127);
    expect((await said.rest()).match(/no\/such\/command/g)).toHaveLength(1);
  });

  withPython(
    "--idle-timeout ends an instance without connections, not one with; the next client starts another",
    async () => {
      const { child, port, said } = await listening(["--idle-timeout", "300ms"], ["python3", server]);
      const out = new LineReader(child.stdout);
      const alone = (): boolean => withDescendants(child.pid).length === 1;
      const open = connect({ port, host: "127.0.0.1" });
      await out.until("ready");
      const until = performance.now() + 900;
      while (performance.now() < until) {
        await new Promise(setImmediate);
        if (alone()) throw new Error("ended under an open connection");
      }
      open.end("hello\n");
      await eventually(alone, (value) => value);
      expect(await talk({ port, host: "127.0.0.1" }, "hello\n")).toBe("tcp 2\n");
      await out.until("ready");
      child.kill("SIGTERM");
      expect(await ended(child)).toBe(0);
      expect(await said.rest()).toBe("");
    },
  );

  withPython("SIGTERM ends a running instance", async () => {
    const { child, port } = await listening([], ["python3", server]);
    await talk({ port, host: "127.0.0.1" }, "hello\n");
    const all = withDescendants(child.pid);
    expect(all.length).toBeGreaterThan(1);
    child.kill("SIGTERM");
    expect(await ended(child)).toBe(0);
    expect(all.filter((pid) => !gone(pid))).toEqual([]);
  });

  withPython("kill -9 leaves no process; the socket file that stays is replaced by the next", async () => {
    const path = join(here.dir, "b.sock");
    const { child, port } = await listening(["--listen", `unix:${path}`], ["python3", server]);
    await talk({ port, host: "127.0.0.1" }, "hello\n");
    const all = withDescendants(child.pid);
    child.kill("SIGKILL");
    await child.exited;
    expect(all.filter((pid) => !gone(pid))).toEqual([]);
    expect(existsSync(path)).toBe(true);
    await listening(["--listen", `api=unix:${path}`], ["python3", server]);
    expect(await talk({ path }, "hello\n")).toBe("api 2\n");
  });

  withPython("sockets that systemd hands on are passed on, with their names", async () => {
    const handing = [
      "import os, socket, sys",
      "s = socket.create_server(('127.0.0.1', 0))",
      "print('port', s.getsockname()[1], flush=True)",
      "os.dup2(s.fileno(), 3)",
      "os.set_inheritable(3, True)",
      "os.environ.update(LISTEN_FDS='1', LISTEN_FDNAMES='web', LISTEN_PID=str(os.getpid()))",
      "os.execv(sys.argv[1], sys.argv[1:])",
    ].join("\n");
    const child = children.start(["--listen", "systemd", "--", "python3", server], { via: ["python3", "-c", handing] });
    const port = Number(((await new LineReader(child.stdout).next()) ?? "").replace("port ", ""));
    expect(await talk({ port, host: "127.0.0.1" }, "hello\n")).toBe("web 2\n");
  });

  withPython("a connection that systemd has accepted is one instance's, whose status is ours", async () => {
    const handing = [
      "import os, socket, sys",
      "near, far = socket.socketpair()",
      "near.sendall(b'hello\\n')",
      "near.shutdown(socket.SHUT_WR)",
      "os.dup2(far.fileno(), 3)",
      "os.set_inheritable(3, True)",
      "os.environ.update(LISTEN_FDS='1', LISTEN_FDNAMES='connection', LISTEN_PID=str(os.getpid()))",
      "os.execv(sys.argv[1], sys.argv[1:])",
    ].join("\n");
    const via = ["python3", "-c", handing];
    const command = ["--", "sh", "-c", "cat <&3; echo $LISTEN_FDNAMES; exit 7"];
    const once = await here.run(["--listen", "systemd", ...command], { via });
    expect(once).toEqual({ code: 7, stdout: "hello\nconnection\n", stderr: "" });
    const accepting = await here.run(["--listen", "systemd", "--listen-mode", "inetd", ...command], { via });
    expect(accepting).toMatchObject({ code: 125, stdout: "" });
    expect(accepting.stderr).toContain("handed on a connection");
  });

  test("a busy port, a privileged one and a socket that is in use are told before anything runs", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const busy = await here.run(["--listen", `tcp:${port}`, "--", "echo", "ran"]);
    taken.close();
    expect(busy).toMatchObject({ code: 125, stdout: "" });
    expect(busy.stderr).toContain(`Cannot listen at tcp:127.0.0.1:${port} (--listen): the port is in use`);
    const path = join(here.dir, "c.sock");
    await listening(["--listen", `unix:${path}`], ["true"]);
    const live = await here.run(["--listen", `unix:${path}`, "--", "echo", "ran"]);
    expect(live).toMatchObject({ code: 125, stdout: "" });
    expect(live.stderr).toContain("somebody listens there");
    expect(existsSync(path)).toBe(true);
  });

  testWhere(asRoot())("a privileged port is refused with the mend", async () => {
    const { code, stderr } = await here.run(["--listen", "tcp:1", "--", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain("ip_unprivileged_port_start");
    expect(stderr).toContain("--listen tcp:8001");
  });

  test("what is wrong with the rest of the command line is told before the first client", async () => {
    const { code, stderr } = await here.run(["--listen", "tcp:0", "--rootfs", "./none", "--", "true"]);
    expect(code).toBe(125);
    expect(stderr).not.toContain("listening");
  });
});

describe("inetd", () => {
  test("an instance for each of several clients at once, on standard input and output", async () => {
    const { child, port, said } = await inetd([], ["cat"]);
    expect(withDescendants(child.pid)).toEqual([child.pid]);
    const words = ["one", "two", "three", "four"].map((word) => word.repeat(20_000));
    const back = await Promise.all(words.map((word) => talk({ port, host: "127.0.0.1" }, word)));
    expect(back).toEqual(words);
    await eventually(
      () => withDescendants(child.pid).length,
      (count) => count === 1,
    );
    child.kill("SIGTERM");
    expect(await ended(child)).toBe(0);
    expect(await said.rest()).toBe("");
  });

  test("each sees only itself, and whose it is: REMOTE_ADDR, REMOTE_PORT; standard error stays", async () => {
    const script = 'echo "$$ $REMOTE_ADDR $REMOTE_PORT $(env | grep -c LISTEN)"; echo to stderr >&2';
    const { port, said } = await inetd([], ["sh", "-c", script]);
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1" });
      socket.on("error", reject);
      socket.on("data", (data) => resolve(data.toString().replace(` ${socket.localPort} `, " PORT ")));
    });
    expect(text).toBe("2 127.0.0.1 PORT 0\n");
    expect(await said.next()).toBe("to stderr");
  });

  withIpv6("IPv6, and a unix socket", async () => {
    const path = join(here.dir, "d.sock");
    const script = 'echo "$REMOTE_ADDR|$(test -z "$REMOTE_PORT" || echo port)"';
    const { port, said } = await inetd(["--listen", "tcp:[::1]:0", "--listen", `unix:${path}`], ["sh", "-c", script]);
    const six = Number(/\[::1\]:(\d+)$/.exec((await said.next()) ?? "")?.[1]);
    expect(await talk({ port: six, host: "::1" }, "")).toBe("::1|port\n");
    expect(await talk({ port, host: "127.0.0.1" }, "")).toBe("127.0.0.1|port\n");
    expect(await talk({ path }, "")).toBe("|\n");
  });

  test("--max-instances lets the others wait", async () => {
    const { child, port } = await inetd(["--max-instances", "2"], ["cat"]);
    const first = await held(port);
    const second = await held(port);
    const third = held(port);
    const count = (): number =>
      readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").split(" ").length - 1;
    expect(count()).toBe(2);
    first.end();
    (await third).end();
    second.end();
    await eventually(count, (value) => value === 0);
  });

  test("--max-instances-per-address resets those that have their share", async () => {
    const { port } = await inetd(["--max-instances-per-address", "1"], ["cat"]);
    const first = await held(port);
    const refused = await held(port).then(
      () => "served",
      (error: NodeJS.ErrnoException) => error.code,
    );
    expect(refused).toBe("ECONNRESET");
    const elsewhere = await new Promise<string>((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.2" }, () => socket.write("hello\n"));
      socket.on("data", (data) => resolve(data.toString()));
      socket.on("error", reject);
    });
    expect(elsewhere).toBe("hello\n");
    first.destroy();
  });

  test("a command that fails is told once, with whose it was", async () => {
    const { port, said } = await inetd([], ["sh", "-c", "exit 4"]);
    await talk({ port, host: "127.0.0.1" }, "");
    expect(await said.next()).toMatch(/^sandbox: the command for 127\.0\.0\.1:\d+ ended with status 4$/);
  });

  test.each(["SIGTERM", "SIGKILL"] as const)("%s ends everything", async (signal) => {
    const { child, port } = await inetd([], ["cat"]);
    await Promise.all([held(port), held(port), held(port)]);
    const all = withDescendants(child.pid);
    expect(all.length).toBeGreaterThanOrEqual(7);
    child.kill(signal);
    await child.exited;
    expect(all.filter((pid) => !gone(pid))).toEqual([]);
  });

  test("the limit on open files is the caller's", async () => {
    const { child, port } = await inetd([], ["sh", "-c", "ulimit -n"]);
    const callers = here.host(["sh", "-c", `${SANDBOX} run -- sh -c 'ulimit -n'`]);
    const limit = await talk({ port, host: "127.0.0.1" }, "");
    expect(child.killed).toBe(false);
    expect(limit).toBe((await callers).stdout);
  });
});
