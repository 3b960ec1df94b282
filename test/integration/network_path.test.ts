// What lies between a sandbox's own network and the host that it talks to: a narrow link, fragments, and a host that is gone without a word.
import { describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { besideFarHost, ECHO_PORT, FAR_HOST, FAR_MTU, noFarHost } from "../support/far_host.ts";
import { LineReader } from "../support/line_reader.ts";
import { HANG, python, pythonSays } from "../support/network_inside.ts";
import { testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const withFarHost = testWhere(noFarHost());

/** The far host's side of things, in Python. */
const FAR = `
HOST = sys.argv[1]
SIX = ":" in HOST
def far(kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_INET6 if SIX else socket.AF_INET, kind)
    s.settimeout(30)
    s.connect((HOST, ${ECHO_PORT.tcp} if kind == socket.SOCK_STREAM else ${ECHO_PORT.udp}))
    return s
def echoed(s, data):
    # An error of what was sent before is told by the next call, whichever it is (udp(7)).
    for _ in range(50):
        try:
            s.send(data)
            if select.select([s], [], [], 0.2)[0]: return s.recv(1 << 16) == data
        except OSError as error:
            if error.errno != errno.EMSGSIZE: raise
`;

describe("a way that takes small packets only", () => {
  for (const mtu of [65520, 1500])
    for (const family of [4, 6] as const) {
      const net = ["--net", `slirp:mtu=${mtu}`];

      withFarHost(
        `TCP arrives whole, both ways, mtu ${mtu}, IPv${family}`,
        async () => {
          const program = `${FAR}
import threading
s, data = far(), hashlib.shake_128(b"seed").digest(3_000_000)
def send(): s.sendall(data); s.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
say(received(s) == data)`;
          const args = [...net, ...python(program, FAR_HOST[family])];
          expect(await pythonSays(here, args, { via: besideFarHost(family) })).toBe("True\n");
        },
        HANG,
      );

      // The first of each size may be lost, which is how the host learns of it.
      withFarHost(
        `datagrams of 1,400 bytes and of 60 KB come back, mtu ${mtu}, IPv${family}`,
        async () => {
          const program = `${FAR}
s = far(socket.SOCK_DGRAM)
for size in (1000, 1400, 60_000): say(size, echoed(s, os.urandom(size)))`;
          const args = [...net, ...python(program, FAR_HOST[family])];
          const said = await pythonSays(here, args, { via: besideFarHost(family) });
          expect(said).toBe("1000 True\n1400 True\n60000 True\n");
        },
        HANG,
      );

      // IP_MTU_DISCOVER, IP_PMTUDISC_DO and IP_MTU of ip(7), and IPv6's: what QUIC and others that find the size by themselves use.
      withFarHost(
        `a program that forbids fragments learns how large its datagrams may be, mtu ${mtu}, IPv${family}`,
        async () => {
          const program = `${FAR}
LEVEL, DISCOVER, MTU = (41, 23, 24) if SIX else (0, 10, 14)
s = far(socket.SOCK_DGRAM)
s.setsockopt(LEVEL, DISCOVER, 2)
def learn():
    for _ in range(50):
        s.send(b"x" * 1400)
        select.select([s], [], [], 0.2)
say(outcome(learn), s.getsockopt(LEVEL, MTU))
most = s.getsockopt(LEVEL, MTU) - (48 if SIX else 28)
say(echoed(s, b"y" * most))
say(outcome(lambda: s.send(b"z" * (most + 1))))`;
          const args = [...net, ...python(program, FAR_HOST[family])];
          const said = await pythonSays(here, args, { via: besideFarHost(family) });
          expect(said).toBe(`EMSGSIZE ${FAR_MTU}\nTrue\nEMSGSIZE\n`);
        },
        HANG,
      );
    }
});

describe("a host that is gone without a word", () => {
  // In seconds, what takes hours and minutes by default: tcp(7).
  const HASTE = `
cd /proc/sys/net/ipv4
echo 1 >tcp_keepalive_time; echo 1 >tcp_keepalive_intvl; echo 2 >tcp_keepalive_probes
echo 3 >tcp_retries2; echo 1 >tcp_syn_retries
cd -`;

  /** What the program says, of which "go" has the host vanish. */
  async function saysWhenGone(program: string, family: 4 | 6): Promise<string> {
    const fifo = join(here.dir, `go${family}${Bun.hash(program)}`);
    const via = besideFarHost(family, `${HASTE} >/dev/null; mkfifo ${fifo}; (read line <${fifo}; vanish) &`);
    const child = here.start(["--net", "slirp", ...python(FAR + program, FAR_HOST[family])], { via });
    const lines = new LineReader(child.stdout);
    await lines.until("go");
    writeFileSync(fifo, "\n");
    const said = await lines.rest();
    expect([await child.exited, await new Response(child.stderr).text()]).toEqual([0, ""]);
    return said;
  }

  for (const family of [4, 6] as const) {
    withFarHost(
      `what is being sent to it ends with an error, IPv${family}`,
      async () => {
        const program = `
import threading
s = far()
s.sendall(b"begin")
threading.Thread(target=lambda: outcome(lambda: received(s)), daemon=True).start()
say("go")
def write():
    while True: s.send(b"x" * 100_000)
say(outcome(write))`;
        expect(await saysWhenGone(program, family)).toMatch(/^(ECONNRESET|EPIPE|ETIMEDOUT)\n$/);
      },
      HANG,
    );

    withFarHost(
      `a connection that waits for it ends with an error, IPv${family}`,
      async () => {
        const program = `
s = far()
s.sendall(b"hello")
say(s.recv(5, socket.MSG_WAITALL) == b"hello")
say("go")
say(outcome(lambda: s.recv(1)))`;
        expect(await saysWhenGone(program, family)).toMatch(/^(ECONNRESET|ETIMEDOUT)\n$/);
      },
      HANG,
    );

    withFarHost(
      `a new connection fails, IPv${family}`,
      async () => {
        const program = `
say("go")
def dial_until_it_fails():
    while True: far().close()
say(outcome(dial_until_it_fails))`;
        expect(await saysWhenGone(program, family)).toMatch(/^(EHOSTUNREACH|ETIMEDOUT)\n$/);
      },
      HANG,
    );
  }
});
