import { describe, expect, test } from "bun:test";
import { connect, createServer, type Server } from "node:net";
import { readableWithin } from "../../../ffi/process.ts";
import { hasOpen, IdleWatch } from "../../../src/supervisor/idle_watch.ts";

const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const row = (local: string, state: string, inode: number): string =>
  `   0: ${local} 0100007F:C000 ${state} 00000000:00000000 00:00000000 00000000  1001        0 ${inode} 1 0000000000000000\n`;

describe("hasOpen(): of port 8080", () => {
  const ports = new Set([8080]);
  test.each([
    ["established", "0100007F:1F90", "01", 55, true],
    ["established, not accepted yet", "0100007F:1F90", "01", 0, true],
    ["being established", "0100007F:1F90", "03", 0, true],
    ["closed by the client, held by the server", "0100007F:1F90", "08", 55, true],
    ["half closed by the server, which still reads", "0100007F:1F90", "05", 55, true],
    ["of IPv6", "00000000000000000000000001000000:1F90", "01", 55, true],
    ["closed by the server", "0100007F:1F90", "05", 0, false],
    ["in TIME_WAIT", "0100007F:1F90", "06", 0, false],
    ["listening", "0100007F:1F90", "0A", 55, false],
    ["of another port", "0100007F:1F91", "01", 55, false],
  ])("%s", (_, local, state, inode, expected) => {
    expect(hasOpen(HEAD + row(local, state, inode), ports)).toBe(expected);
  });

  test("nothing at all", () => {
    expect(hasOpen("", ports)).toBe(false);
    expect(hasOpen(HEAD, ports)).toBe(false);
  });
});

describe("IdleWatch", () => {
  test("an open connection is use, and so is one that was shorter than any look; time is an argument", async () => {
    const server = createServer((socket) => socket.resume().on("end", () => socket.end()));
    const port = await listening(server);
    using watch = new IdleWatch([port], 100, 0);
    expect([watch.remaining(0), watch.remaining(40), watch.isIdle(99)]).toEqual([100, 60, false]);
    const client = connect({ port, host: "127.0.0.1" });
    await new Promise((resolve) => client.once("connect", resolve));
    expect(watch.isIdle(100)).toBe(false);
    expect(watch.remaining(100)).toBe(100);
    client.end();
    await new Promise((resolve) => client.once("close", resolve));
    await new Promise<void>((resolve) => server.close(() => resolve()));
    // It has ended by now, so only the kernel's word tells of it, which comes from a work queue (net/core/sock_diag.c).
    expect(readableWithin(watch.fd, 10_000)).toBe(true);
    expect(watch.isIdle(250)).toBe(false);
    expect(watch.remaining(250)).toBe(100);
    expect(watch.isIdle(350)).toBe(true);
  });

  test("other ports are not told of", async () => {
    const [mine, other] = [createServer(), createServer((socket) => socket.end())];
    const port = await listening(mine);
    using watch = new IdleWatch([port], 100, 0);
    const client = connect({ port: await listening(other), host: "127.0.0.1" });
    await new Promise((resolve) => client.resume().once("close", resolve));
    await new Promise<void>((resolve) => other.close(() => resolve()));
    expect(watch.isIdle(100)).toBe(true);
    mine.close();
  });
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("not listening");
  return address.port;
}
