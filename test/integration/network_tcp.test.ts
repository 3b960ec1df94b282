// TCP through a sandbox's own network: every byte arrives, in order, once; ends, errors and a reader that does not read pass through; and
// nothing is left of a connection that is over.
import { describe, expect } from "bun:test";
import { createCipheriv, createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import type { Socket } from "node:net";
import { LineReader } from "../support/line_reader.ts";
import { HANG, NO_NETWORK, python, pythonSays, SLIRP } from "../support/network_inside.ts";
import { readToEnd, ServerProcess, TcpServer } from "../support/network_servers.ts";
import { eventually } from "../support/processes.ts";
import { testWhere } from "../support/test_where.ts";
import { type Started, workspace } from "../support/workspace.ts";

const here = workspace();
const withNetwork = testWhere(NO_NETWORK);

const MIB = 1 << 20;
const SIZE = 200_000_000;
const MTUS = [65520, 1500] as const;
/** All that lies between a writer and a reader: buffers of two kernels' sockets on either side (tcp(7): 4 and 6 MB), and ours. */
const MOST_ON_THE_WAY = 24 * MIB;
/** When nothing has moved for so long, it is held to have stopped. */
const QUIET = 1000;

const slirp = (options: string): readonly string[] => ["--net", `slirp:host-loopback,${options}`];

/** Bytes that no two places of a stream have alike: a cipher's key stream. */
function keyStream(): (length: number) => Buffer {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), Buffer.alloc(16));
  return (length) => cipher.update(Buffer.alloc(length));
}

/** Sends `size` bytes of a key stream as they are taken; their hash. */
async function sendStream(socket: Socket, size: number): Promise<string> {
  const [next, hash] = [keyStream(), createHash("sha256")];
  for (let left = size; left > 0; left -= MIB) {
    const chunk = next(Math.min(MIB, left));
    hash.update(chunk);
    if (!socket.write(chunk)) await once(socket, "drain");
  }
  socket.end();
  return hash.digest("hex");
}

async function hashStream(socket: Socket): Promise<string> {
  const hash = createHash("sha256");
  socket.on("data", (chunk: Buffer) => hash.update(chunk));
  await once(socket, "end");
  return hash.digest("hex");
}

/** A sandbox left running with a Python program; its output by lines. */
function started(args: readonly string[]): { readonly child: Started; readonly lines: LineReader } {
  const child = here.start(args);
  return { child, lines: new LineReader(child.stdout) };
}

async function ended({ child }: { readonly child: Started }): Promise<number> {
  await child.stdin.end();
  return child.exited;
}

const DOWNLOAD = `
s, hash, size = dial(int(sys.argv[1]), int(sys.argv[2])), hashlib.sha256(), 0
buffer = memoryview(bytearray(1 << 20))
while n := s.recv_into(buffer): hash.update(buffer[:n]); size += n
say(size, hash.hexdigest())`;

const UPLOAD = `
s, data = dial(int(sys.argv[1]), int(sys.argv[2])), hashlib.shake_128(b"seed").digest(${SIZE})
s.sendall(data)
s.shutdown(socket.SHUT_WR)
received(s)
say(hashlib.sha256(data).hexdigest())`;

describe("200 MB arrive as they were sent", () => {
  for (const mtu of MTUS)
    for (const family of [4, 6] as const) {
      withNetwork(
        `downloaded, mtu ${mtu}, IPv${family}`,
        async () => {
          const sent = Promise.withResolvers<string>();
          await using server = await TcpServer.start(
            (socket) => void sendStream(socket, SIZE).then(sent.resolve),
            family,
          );
          const out = await pythonSays(here, [...slirp(`mtu=${mtu}`), ...python(DOWNLOAD, server.port, family)]);
          expect(out).toBe(`${SIZE} ${await sent.promise}\n`);
        },
        HANG,
      );

      withNetwork(
        `uploaded, mtu ${mtu}, IPv${family}`,
        async () => {
          const got = Promise.withResolvers<string>();
          await using server = await TcpServer.start((socket) => {
            void hashStream(socket).then((hash) => {
              socket.end();
              got.resolve(hash);
            });
          }, family);
          const out = await pythonSays(here, [...slirp(`mtu=${mtu}`), ...python(UPLOAD, server.port, family)]);
          expect(out).toBe(`${await got.promise}\n`);
        },
        HANG,
      );
    }

  withNetwork(
    "both ways at once on one connection",
    async () => {
      const sent = Promise.withResolvers<string>();
      const got = Promise.withResolvers<string>();
      await using server = await TcpServer.start((socket) => {
        void hashStream(socket).then(got.resolve);
        void sendStream(socket, SIZE / 4).then(sent.resolve);
      });
      const program = `
import threading
s, data = dial(int(sys.argv[1])), hashlib.shake_128(b"seed").digest(${SIZE / 4})
def send(): s.sendall(data); s.shutdown(socket.SHUT_WR)
t = threading.Thread(target=send); t.start()
got = received(s); t.join()
say(hashlib.sha256(data).hexdigest(), hashlib.sha256(got).hexdigest())`;
      const out = await pythonSays(here, [...SLIRP, ...python(program, server.port)]);
      expect(out).toBe(`${await got.promise} ${await sent.promise}\n`);
    },
    HANG,
  );
});

describe("the end of a stream", () => {
  withNetwork("a client that has sent all and said so still reads", async () => {
    await using server = await TcpServer.start(async (socket) => {
      const request = await readToEnd(socket);
      socket.end(createHash("sha256").update(request).digest("hex").repeat(20_000));
    });
    const program = `
s, data = dial(int(sys.argv[1])), os.urandom(3_000_000)
s.sendall(data)
s.shutdown(socket.SHUT_WR)
say(received(s) == hashlib.sha256(data).hexdigest().encode() * 20_000)`;
    expect(await pythonSays(here, [...SLIRP, ...python(program, server.port)])).toBe("True\n");
  });

  withNetwork("a server that has sent all and said so still reads", async () => {
    const got = Promise.withResolvers<Buffer>();
    await using server = await TcpServer.start((socket) => {
      void readToEnd(socket).then(got.resolve);
      socket.end(Buffer.alloc(3_000_000, "a"));
    });
    const program = `
s = dial(int(sys.argv[1]))
say(received(s) == b"a" * 3_000_000)
s.sendall(b"b" * 3_000_000)`;
    expect(await pythonSays(here, [...SLIRP, ...python(program, server.port)])).toBe("True\n");
    expect((await got.promise).equals(Buffer.alloc(3_000_000, "b"))).toBe(true);
  });

  withNetwork("a connection that neither side has used ends as well", async () => {
    const server = await TcpServer.start((socket) => socket.end());
    await using _ = server;
    const program = `say(received(dial(int(sys.argv[1]))))`;
    expect(await pythonSays(here, [...SLIRP, ...python(program, server.port)])).toBe("b''\n");
  });
});

describe("an end before its time", () => {
  withNetwork("a reset by the server is a reset inside, to a reader and to a writer", async () => {
    await using server = await TcpServer.start((socket) => socket.once("data", () => socket.resetAndDestroy()));
    const program = `
port = int(sys.argv[1])
def read(): s = dial(port); s.send(b"x"); received(s)
def write():
    s = dial(port)
    while True: s.send(b"x" * 100_000)
say(outcome(read), outcome(write))`;
    expect(await pythonSays(here, [...SLIRP, ...python(program, server.port)])).toMatch(
      /^ECONNRESET (ECONNRESET|EPIPE)$/m,
    );
  });

  withNetwork("a server that is killed while it is sent to", async () => {
    await using server = await ServerProcess.start("print(len(s.recv(1 << 16)), flush=True); sys.stdin.read()");
    const program = `
s = dial(int(sys.argv[1]))
def write():
    while True: s.send(b"x" * 100_000)
say(outcome(write))`;
    const running = started([...SLIRP, ...python(program, server.port)]);
    expect(Number(await server.lines.next())).toBeGreaterThan(0);
    await server.kill();
    expect(await running.lines.next()).toBeOneOf(["ECONNRESET", "EPIPE"]);
    expect(await ended(running)).toBe(0);
  });

  withNetwork("a server that is killed while it sends: an end too early, and no more", async () => {
    await using server = await ServerProcess.start("while True: s.send(b'x' * 65536)");
    const program = `
s = dial(int(sys.argv[1]))
say(len(s.recv(1)))
say(outcome(lambda: received(s)))`;
    const running = started([...SLIRP, ...python(program, server.port)]);
    expect(await running.lines.next()).toBe("1");
    await server.kill();
    expect(await running.lines.next()).toBeOneOf(["done", "ECONNRESET"]);
    expect(await ended(running)).toBe(0);
  });

  for (const [what, end] of [
    ["a client that is killed", "os.kill(child, 9)"],
    ["a sandbox whose supervisor is killed", "say('kill me')"],
  ] as const)
    withNetwork(`${what} while it sends and receives: the server sees the end`, async () => {
      await using server = await ServerProcess.start(`
import select
s.setblocking(False)
try:
    while True:
        r, w, _ = select.select([s], [s], [])
        if r and not s.recv(1 << 20): break
        if w: s.send(b"x" * 65536)
except OSError: pass
print("saw the end", flush=True)`);
      const program = `
ready, tell = os.pipe()
child = os.fork()
if child == 0:
    s = dial(int(sys.argv[1]))
    s.setblocking(False)
    moved = 0
    while True:
        r, w, _ = select.select([s], [s], [])
        if r: moved += len(s.recv(1 << 20))
        if w: s.send(b"x" * 65536)
        if moved > 1 << 20: os.write(tell, b"x"); moved = 0
os.read(ready, 1)
${end}
os.read(0, 1)`;
      const running = started([...SLIRP, ...python(program, server.port)]);
      if (end.startsWith("say")) {
        expect(await running.lines.next()).toBe("kill me");
        running.child.kill("SIGKILL");
      }
      expect(await server.lines.next()).toBe("saw the end");
      await ended(running);
    });
});

/** Resolves when `touch` has not been called for {@link QUIET} ms. */
function stillness(): { readonly touch: () => void; readonly reached: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let timer = setTimeout(resolve, QUIET);
  const touch = (): void => {
    clearTimeout(timer);
    timer = setTimeout(resolve, QUIET);
  };
  return { touch, reached: promise };
}

describe("a reader that does not read stops the writer, and is not the end of it", () => {
  const TOTAL = 100 * MIB;

  withNetwork(
    "the reader outside",
    async () => {
      const go = Promise.withResolvers<void>();
      const got = Promise.withResolvers<string>();
      await using server = await TcpServer.start(async (socket) => {
        socket.pause();
        await go.promise;
        void hashStream(socket).then(got.resolve);
        socket.resume();
      });
      const program = `
s, data = dial(int(sys.argv[1])), memoryview(hashlib.shake_128(b"seed").digest(${TOTAL}))
s.setblocking(False)
sent = 0
while sent < len(data) and select.select([], [s], [], ${QUIET / 1000})[1]: sent += s.send(data[sent:sent + 65536])
say(sent)
s.setblocking(True)
s.sendall(data[sent:])
s.close()
say(hashlib.sha256(data).hexdigest())
sys.stdin.read()`;
      const running = started([...SLIRP, ...python(program, server.port)]);
      const sent = Number(await running.lines.next());
      expect(sent).toBeGreaterThan(0);
      expect(sent).toBeLessThan(MOST_ON_THE_WAY);
      go.resolve();
      expect(await running.lines.next()).toBe(await got.promise);
      expect(await ended(running)).toBe(0);
    },
    HANG,
  );

  withNetwork(
    "the reader inside",
    async () => {
      const { touch, reached } = stillness();
      const sent = Promise.withResolvers<string>();
      let accepted = 0;
      await using server = await TcpServer.start(async (socket) => {
        const [next, hash] = [keyStream(), createHash("sha256")];
        for (; accepted < TOTAL; accepted += MIB) {
          const chunk = next(MIB);
          hash.update(chunk);
          touch();
          if (!socket.write(chunk)) await once(socket, "drain");
        }
        socket.end();
        sent.resolve(hash.digest("hex"));
      });
      const program = `
s = dial(int(sys.argv[1]))
say("stalls")
sys.stdin.readline()
data = received(s)
say(len(data), hashlib.sha256(data).hexdigest())`;
      const running = started([...SLIRP, ...python(program, server.port)]);
      expect(await running.lines.next()).toBe("stalls");
      await reached;
      expect(accepted).toBeGreaterThan(0);
      expect(accepted).toBeLessThan(MOST_ON_THE_WAY);
      running.child.stdin.write("\n");
      expect(await running.lines.next()).toBe(`${TOTAL} ${await sent.promise}`);
      expect(await ended(running)).toBe(0);
    },
    HANG,
  );
});

/** Descriptors that the supervisor has. */
function descriptorsOf({ pid }: Started): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

describe("many connections", () => {
  withNetwork(
    "64 at once each have their own bytes",
    async () => {
      await using server = await TcpServer.start((socket) => socket.pipe(socket));
      const program = `
import threading
bad = []
def echo(i):
    s, data = dial(int(sys.argv[1])), hashlib.shake_128(b"%d" % i).digest(500_000)
    def send(): s.sendall(data); s.shutdown(socket.SHUT_WR)
    t = threading.Thread(target=send); t.start()
    if received(s) != data: bad.append(i)
    t.join()
threads = [threading.Thread(target=echo, args=(i,)) for i in range(64)]
for t in threads: t.start()
for t in threads: t.join()
say(bad)`;
      expect(await pythonSays(here, [...SLIRP, ...python(program, server.port)])).toBe("[]\n");
    },
    HANG,
  );

  for (const who of ["server", "client"] as const)
    withNetwork(
      `2,000 short ones, ended by the ${who} first, leave no descriptor`,
      async () => {
        await using server = await TcpServer.start((socket) => {
          socket.on("end", () => socket.end());
          if (who === "server") socket.end("x");
          else socket.write("x");
        });
        const program = `
sys.stdin.readline()
for i in range(2000):
    s = dial(int(sys.argv[1]))
    if s.recv(1) != b"x": say("lost", i)
    ${who === "server" ? "received(s)" : "s.shutdown(socket.SHUT_WR); received(s)"}
    s.close()
say("done")
sys.stdin.readline()`;
        // The stack is not there before it is spoken to.
        const first = "s = dial(int(sys.argv[1])); s.recv(1); s.shutdown(socket.SHUT_WR); received(s); s.close()";
        const child = here.start([...SLIRP, ...python(`${first}\nsay("ready")\n${program}`, server.port)]);
        const lines = new LineReader(child.stdout);
        expect(await lines.next()).toBe("ready");
        const before = descriptorsOf(child);
        child.stdin.write("\n");
        expect(await lines.next()).toBe("done");
        await eventually(
          () => [descriptorsOf(child), server.open],
          ([descriptors, open]) => Number(descriptors) <= before && open === 0,
        );
        expect(await ended({ child })).toBe(0);
      },
      HANG,
    );
});
