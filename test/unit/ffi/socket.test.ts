import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { EPOLLIN, EPOLLOUT, Epoll } from "../../../ffi/epoll.ts";
import { ERRNO } from "../../../ffi/errno.ts";
import { Fd } from "../../../ffi/fd.ts";
import { type Address, Sockaddr } from "../../../ffi/sockaddr.ts";
import {
  accept,
  bind,
  connect,
  listen,
  localEndpoint,
  openSocket,
  pathMtu,
  peerEndpoint,
  receive,
  receiveDatagram,
  receiveFrom,
  resetOnClose,
  send,
  sendTo,
  setOption,
  shutdown,
  socket,
  takeError,
} from "../../../ffi/socket.ts";
import { testWhere } from "../../support/test_where.ts";

const LOOPBACK: Readonly<Record<4 | 6, Address>> = {
  4: { family: 4, bytes: Uint8Array.of(127, 0, 0, 1) },
  6: { family: 6, bytes: Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 1 : 0)) },
};
const noIpv6 = bindsLoopback(6) ? undefined : "this host has no IPv6 loopback";

function bindsLoopback(family: 4 | 6): boolean {
  const number = socket(family, "datagram");
  if (number < 0) return false;
  using fd = new Fd(number);
  return bind(fd.number, new Sockaddr({ address: LOOPBACK[family], port: 0 })) === 0;
}

function waitFor(fd: number, events: number): void {
  using epoll = new Epoll(1);
  epoll.add(fd, events, 0);
  epoll.wait(-1);
}

function bound(family: 4 | 6, type: "stream" | "datagram"): Fd {
  const fd = openSocket(family, type);
  expect(bind(fd.number, new Sockaddr({ address: LOOPBACK[family], port: 0 }))).toBe(0);
  return fd;
}

function connection(family: 4 | 6): { readonly client: Fd; readonly server: Fd; readonly peer: Sockaddr } {
  using listener = bound(family, "stream");
  expect(listen(listener.number, 1)).toBe(0);
  const client = openSocket(family, "stream");
  expect([0, -ERRNO.EINPROGRESS]).toContain(connect(client.number, new Sockaddr(localEndpoint(listener.number))));
  waitFor(listener.number, EPOLLIN);
  const peer = new Sockaddr();
  return { client, server: new Fd(accept(listener.number, peer)), peer };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("Sockaddr", () => {
  test("is struct sockaddr_in and sockaddr_in6, and reads back what it was set to", () => {
    const here = new Sockaddr();
    for (const family of [4, 6, 4] as const) {
      here.set(LOOPBACK[family], 0x1234);
      expect(here.length).toBe(family === 4 ? 16 : 28);
      expect(here.get()).toEqual({ address: LOOPBACK[family], port: 0x1234 });
    }
  });
});

for (const family of [4, 6] as const)
  describe(`IPv${family}`, () => {
    const withFamily = testWhere(family === 6 ? noIpv6 : undefined);

    withFamily("a stream: connect, accept, both addresses, data, half-close both ways", () => {
      const { client, server, peer } = connection(family);
      using a = client;
      using b = server;
      expect(takeError(a.number)).toBe(0);
      expect(peer.get()).toEqual(localEndpoint(a.number));
      expect(peerEndpoint(a.number)).toEqual(localEndpoint(b.number));
      const into = new Uint8Array(10);
      expect(receive(b.number, into, 10)).toBe(-ERRNO.EAGAIN);
      expect(send(a.number, bytes("hello"), 5)).toBe(5);
      waitFor(b.number, EPOLLIN);
      expect(receive(b.number, into, 10)).toBe(5);
      expect(shutdown(a.number, "write")).toBe(0);
      waitFor(b.number, EPOLLIN);
      expect(receive(b.number, into, 10)).toBe(0);
      expect(send(b.number, bytes("bye"), 3)).toBe(3);
      waitFor(a.number, EPOLLIN);
      expect(receive(a.number, into, 10)).toBe(3);
      expect(Buffer.from(into.subarray(0, 5)).toString()).toBe("byelo");
    });

    withFamily("datagrams: from and to an address, and to a connected one", () => {
      using server = bound(family, "datagram");
      using client = bound(family, "datagram");
      expect(connect(client.number, new Sockaddr(localEndpoint(server.number)))).toBe(0);
      expect(send(client.number, bytes("question"), 8)).toBe(8);
      const from = new Sockaddr();
      const into = new Uint8Array(4);
      expect(receiveFrom(server.number, into, 4, from)).toBe(8);
      expect(from.get()).toEqual(localEndpoint(client.number));
      expect(sendTo(server.number, bytes("yes"), 3, from)).toBe(3);
      expect(receiveDatagram(client.number, into, 4)).toBe(3);
      expect(Buffer.from(into).toString()).toBe("yess");
    });

    withFamily("a port without a listener refuses", () => {
      const unused = bound(family, "stream");
      const to = new Sockaddr(localEndpoint(unused.number));
      unused.close();
      using client = openSocket(family, "stream");
      const at = connect(client.number, to);
      expect([-ERRNO.EINPROGRESS, -ERRNO.ECONNREFUSED]).toContain(at);
      waitFor(client.number, EPOLLOUT);
      expect([takeError(client.number), -at]).toContain(ERRNO.ECONNREFUSED);
      expect(takeError(client.number)).toBe(0);
      expect(peerEndpoint(client.number)).toBeUndefined();
    });
  });

describe("sockets", () => {
  test("resetOnClose makes the peer see a reset", () => {
    const { client, server } = connection(4);
    using b = server;
    resetOnClose(client.number);
    client.close();
    waitFor(b.number, EPOLLIN);
    expect(receive(b.number, new Uint8Array(1), 1)).toBe(-ERRNO.ECONNRESET);
    expect(send(b.number, bytes("x"), 1)).toBe(-ERRNO.EPIPE);
  });

  test("a busy port, a foreign address and an unreachable one are results", () => {
    using first = bound(4, "stream");
    using second = openSocket(4, "stream");
    const taken = new Sockaddr(localEndpoint(first.number));
    expect(bind(second.number, taken)).toBe(-ERRNO.EADDRINUSE);
    const foreign = { family: 4, bytes: Uint8Array.of(192, 0, 2, 1) } as const;
    expect(bind(second.number, new Sockaddr({ address: foreign, port: 0 }))).toBe(-ERRNO.EADDRNOTAVAIL);
    const broadcast = { family: 4, bytes: Uint8Array.of(255, 255, 255, 255) } as const;
    expect(connect(second.number, new Sockaddr({ address: broadcast, port: 9 }))).toBeLessThan(0);
  });

  test("the largest packet of the way is known of a connected socket", () => {
    using server = bound(4, "datagram");
    using client = openSocket(4, "datagram");
    expect(pathMtu(client.number, 4)).toBe(0);
    connect(client.number, new Sockaddr(localEndpoint(server.number)));
    // The length field of IPv4 has 16 bits.
    const mtu = Number(readFileSync("/sys/class/net/lo/mtu", "utf8"));
    expect(pathMtu(client.number, 4)).toBe(Math.min(mtu, 65_535));
  });

  test("options are set; one of another family is an error with a name", () => {
    using fd = openSocket(4, "stream");
    for (const option of ["TCP_NODELAY", "SO_REUSEADDR", "SO_KEEPALIVE"] as const) setOption(fd.number, option, 1);
    setOption(fd.number, "SO_RCVBUF", 65536);
    setOption(fd.number, "IP_TTL", 9);
    expect(() => setOption(fd.number, "IPV6_V6ONLY", 1)).toThrow("setsockopt IPV6_V6ONLY: E");
  });
});
