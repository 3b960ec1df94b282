import { describe, expect, test } from "bun:test";
import { EPOLLIN, EPOLLOUT } from "../../../../ffi/epoll.ts";
import { ERRNO } from "../../../../ffi/errno.ts";
import { rawSyscall } from "../../../../ffi/libc.ts";
import { OPTION } from "../../../../ffi/socket.ts";
import { IoVector } from "../../../../ffi/vector_io.ts";
import { listenTcp } from "../../../../src/net/outbound/tcp_listener.ts";
import { connectTcp, TcpSocket } from "../../../support/tcp_client.ts";
import { testWhere } from "../../../support/test_where.ts";
import { loopback, noLoopback, opened, waitFor } from "./loopback.ts";

const vector = new IoVector(8);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function pair(family: 4 | 6 = 4): { readonly client: TcpSocket; readonly server: TcpSocket } {
  using listener = opened(listenTcp(loopback(family)));
  const client = opened(connectTcp(listener.local, vector));
  waitFor(listener.fd, EPOLLIN);
  const accepted = listener.accept();
  if (accepted.kind !== "accepted") throw new Error(accepted.kind);
  waitFor(client.fd, EPOLLOUT);
  expect(client.status()).toEqual({ kind: "connected" });
  expect(accepted.peer).toEqual(client.local);
  return { client, server: new TcpSocket(accepted.fd, vector, { kind: "connected" }) };
}

/** All that comes until the end, in pieces of an odd size. */
function received(socket: TcpSocket): Uint8Array {
  const parts: Uint8Array[] = [];
  for (;;) {
    waitFor(socket.fd, EPOLLIN);
    const slices = [new Uint8Array(7), new Uint8Array(1000), new Uint8Array(50_000)];
    const length = socket.receive(slices);
    if (length === 0) return Buffer.concat(parts);
    expect(length).toBeGreaterThan(0);
    parts.push(Buffer.concat(slices).subarray(0, length));
  }
}

for (const family of [4, 6] as const)
  testWhere(noLoopback(family))(`IPv${family}: connect, send pieces, half-close, answer, end`, () => {
    const { client, server } = pair(family);
    using a = client;
    using b = server;
    expect(a.peer).toEqual(b.local);
    expect(b.receive([new Uint8Array(1)])).toBe(-ERRNO.EAGAIN);
    expect(a.send([bytes("how "), bytes("are "), bytes("you")])).toBe(11);
    expect(a.endSending()).toBe(0);
    expect(Buffer.from(received(b)).toString()).toBe("how are you");
    expect(b.send([bytes("well")])).toBe(4);
    b.close();
    expect(Buffer.from(received(a)).toString()).toBe("well");
  });

test("whether a client is there still is asked by the kernel", () => {
  using listener = opened(listenTcp(loopback(4)));
  using _client = opened(connectTcp(listener.local, vector));
  waitFor(listener.fd, EPOLLIN);
  const accepted = listener.accept();
  if (accepted.kind !== "accepted") throw new Error(accepted.kind);
  const [value, length] = [new Int32Array(1), Int32Array.of(4)];
  const [level, name] = OPTION.SO_KEEPALIVE;
  expect(rawSyscall("getsockopt", accepted.fd.number, level, name, value, length)).toBe(0);
  expect(value[0]).toBe(1);
  accepted.fd.close();
});

describe("TcpSocket", () => {
  test("a stalled reader stops the sender, and every byte arrives once", () => {
    const { client, server } = pair();
    using b = server;
    const block = Uint8Array.from({ length: 65536 }, (_, i) => i % 251);
    let sent = 0;
    for (let took = 0; took >= 0; sent += Math.max(took, 0)) took = client.send([block.subarray(sent % 65536), block]);
    expect(sent).toBeGreaterThan(65536);
    client.close();
    const all = received(b);
    expect(all.length).toBe(sent);
    expect(all.every((byte, i) => byte === (i % 65536) % 251)).toBe(true);
  });

  test("a refused connection is told by status, or at once", () => {
    const gone = opened(listenTcp(loopback(4)));
    const { local } = gone;
    gone.close();
    const result = connectTcp(local, vector);
    expect(outcome(result)).toEqual({ kind: "failed", errno: ERRNO.ECONNREFUSED });
  });

  test("an address without a way is a result", () => {
    const broadcast = { address: { family: 4, bytes: Uint8Array.of(255, 255, 255, 255) }, port: 1 } as const;
    expect(connectTcp(broadcast, vector).kind).toBe("failed");
  });

  test("abort is a reset at the peer; closing twice, and aborting what is closed, does nothing", () => {
    const { client, server } = pair();
    using b = server;
    client.abort();
    client.abort();
    client.close();
    waitFor(b.fd, EPOLLIN);
    expect(b.takeError()).toBe(ERRNO.ECONNRESET);
    expect(b.endSending()).toBe(-ERRNO.ENOTCONN);
    expect(b.peer).toBeUndefined();
    expect(() => client.fd).toThrow("closed");
  });

  test("receiving into no room is a mistake of ours, not an end of the stream", () => {
    const { client, server } = pair();
    using a = client;
    using _ = server;
    expect(() => a.receive([])).toThrow(RangeError);
    expect(() => a.receive([new Uint8Array(0)])).toThrow(RangeError);
  });
});

describe("TcpListener", () => {
  test("a port is chosen, accepts nobody while nobody came, and is busy for another", () => {
    using listener = opened(listenTcp(loopback(4)));
    expect(listener.local.port).toBeGreaterThan(0);
    expect(listener.accept()).toEqual({ kind: "none" });
    expect(listenTcp(listener.local)).toEqual({ kind: "failed", errno: ERRNO.EADDRINUSE });
    listener.close();
    listener.close();
  });

  testWhere(noLoopback(6))("an IPv6 port leaves the IPv4 one free", () => {
    const everywhere = { family: 6, bytes: new Uint8Array(16) } as const;
    using six = opened(listenTcp({ address: everywhere, port: 0 }));
    using four = opened(listenTcp(loopback(4, six.local.port)));
    expect(four.local.port).toBe(six.local.port);
  });
});

function outcome(result: ReturnType<typeof connectTcp>) {
  if (result.kind === "failed") return result;
  using socket = result.socket;
  waitFor(socket.fd, EPOLLOUT);
  return socket.status();
}
