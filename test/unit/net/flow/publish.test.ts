import { describe, expect, test } from "bun:test";
import { DatagramBatch } from "../../../../ffi/datagram_batch.ts";
import { EPOLLIN } from "../../../../ffi/epoll.ts";
import { ERRNO } from "../../../../ffi/errno.ts";
import type { Endpoint } from "../../../../ffi/sockaddr.ts";
import { localEndpoint } from "../../../../ffi/socket.ts";
import { IoVector } from "../../../../ffi/vector_io.ts";
import type { BoundPort } from "../../../../src/net/flow/publish.ts";
import { bindPort, type PortProtocol } from "../../../../src/net/outbound/bind_port.ts";
import { listenUdp, type UdpListener } from "../../../../src/net/outbound/udp_listener.ts";
import { BlockPool } from "../../../../src/net/tcp/block_pool.ts";
import { formatIpAddress } from "../../../../src/net/wire/ip_address.ts";
import { IP_PROTOCOL } from "../../../../src/net/wire/ip_packet.ts";
import { parseTcp, TCP_FLAG, type TcpSegment } from "../../../../src/net/wire/tcp.ts";
import { parseUdp } from "../../../../src/net/wire/udp.ts";
import { connectTcp } from "../../../support/tcp_client.ts";
import { testWhere } from "../../../support/test_where.ts";
import { loopback, noLoopback, opened, waitFor } from "../outbound/loopback.ts";
import { SANDBOX_MAC, type Sent, StackBench } from "./stack_bench.ts";

const vector = new IoVector(8);
const into = new DatagramBatch(8, 65_536);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (payload: Uint8Array): string => Buffer.from(payload).toString();
const NO_TCP = { payload: [], payloadLength: 0, maximumSegmentSize: 0 };

type Bound = { readonly port: BoundPort; readonly at: Endpoint };

function bound(protocol: PortProtocol, sandboxPort: number, at = loopback(4)): Bound {
  const socket = opened(bindPort(protocol, at));
  return { port: { protocol, socket, sandboxPort }, at: localEndpoint(socket.number) };
}

function segmentOf(sent: Sent | undefined): TcpSegment {
  const segment = sent && parseTcp(sent.payload);
  if (segment === undefined) throw new Error("no TCP segment");
  return segment;
}

function wayOf({ source, destination }: Sent): string {
  return `${formatIpAddress(source)} > ${formatIpAddress(destination)}`;
}

function answer(bench: StackBench, to: Sent, flags: number): void {
  const { sourcePort, destinationPort, sequenceNumber } = segmentOf(to);
  const numbers = { sequenceNumber: 1000, acknowledgmentNumber: (sequenceNumber + 1) >>> 0 };
  const header = { sourcePort: destinationPort, destinationPort: sourcePort, ...numbers };
  bench.sandbox.tcp(
    { source: to.destination, destination: to.source },
    { header: { ...header, flags, window: 65_535, options: {} }, ...NO_TCP },
  );
}

describe("a published TCP port", () => {
  for (const family of [4, 6] as const)
    testWhere(noLoopback(family))(`asks the sandbox, by the gateway's address for IPv${family} loopback`, () => {
      const { port, at } = bound("tcp", 80, loopback(family));
      using bench = new StackBench([port]);
      using client = opened(connectTcp(at, vector));
      waitFor(bench.stack.fd, EPOLLIN);
      const [syn, ...more] = bench.turn();
      expect(more).toEqual([]);
      expect(syn && wayOf(syn)).toBe(family === 4 ? "10.0.2.2 > 10.0.2.100" : "fd00::2 > fd00::100");
      expect(syn?.mac).toBe(SANDBOX_MAC);
      expect(segmentOf(syn)).toMatchObject({
        sourcePort: client.local.port,
        destinationPort: 80,
        flags: TCP_FLAG.SYN,
      });
    });

  test("where the sandbox refuses, the client is reset", () => {
    const { port, at } = bound("tcp", 80);
    using bench = new StackBench([port]);
    using client = opened(connectTcp(at, vector));
    waitFor(bench.stack.fd, EPOLLIN);
    const [syn] = bench.turn();
    if (syn) answer(bench, syn, TCP_FLAG.RST | TCP_FLAG.ACK);
    expect(bench.turn()).toEqual([]);
    waitFor(client.fd, EPOLLIN);
    expect(client.takeError()).toBe(ERRNO.ECONNRESET);
  });

  test("what the client sent before is passed on when the sandbox has accepted", () => {
    const { port, at } = bound("tcp", 80);
    using bench = new StackBench([port]);
    using client = opened(connectTcp(at, vector));
    client.send([bytes("early")]);
    client.endSending();
    waitFor(bench.stack.fd, EPOLLIN);
    const [syn] = bench.turn();
    bench.turn();
    if (syn) answer(bench, syn, TCP_FLAG.SYN | TCP_FLAG.ACK);
    const segments = [...bench.turn(), ...bench.turn()].map((sent) => segmentOf(sent));
    expect(segments.map(({ payload }) => text(payload)).join("")).toBe("early");
    expect(segments.some(({ flags }) => flags & TCP_FLAG.FIN)).toBe(true);
  });

  test("a client that goes before the sandbox has answered leaves nothing to be answered", () => {
    const { port, at } = bound("tcp", 80);
    using bench = new StackBench([port]);
    const client = opened(connectTcp(at, vector));
    waitFor(bench.stack.fd, EPOLLIN);
    const [syn] = bench.turn();
    client.abort();
    waitFor(bench.stack.fd, EPOLLIN);
    bench.turn();
    if (syn) answer(bench, syn, TCP_FLAG.SYN | TCP_FLAG.ACK);
    const [reset] = bench.turn();
    expect(segmentOf(reset).flags & TCP_FLAG.RST).toBe(TCP_FLAG.RST);
  });

  test("a client whose bytes found no room is read when another one has given it back", () => {
    const { port, at } = bound("tcp", 80);
    using bench = new StackBench([port], { pool: new BlockPool({ limit: 1 }) });
    using first = opened(connectTcp(at, vector));
    first.send([bytes("1")]);
    waitFor(bench.stack.fd, EPOLLIN);
    const [one] = [...bench.turn(), ...bench.turn()];
    using second = opened(connectTcp(at, vector));
    second.send([bytes("2")]);
    waitFor(bench.stack.fd, EPOLLIN);
    const [two] = [...bench.turn(), ...bench.turn()];
    if (!one || !two) throw new Error("two clients were passed on");
    answer(bench, two, TCP_FLAG.SYN | TCP_FLAG.ACK);
    expect([...bench.turn(), ...bench.turn()].map((sent) => text(segmentOf(sent).payload))).toEqual([""]);
    answer(bench, one, TCP_FLAG.RST | TCP_FLAG.ACK);
    expect([...bench.turn(), ...bench.turn()].map((sent) => text(segmentOf(sent).payload))).toEqual(["2"]);
  });

  test("is gone when the stack is", () => {
    const { port, at } = bound("tcp", 80);
    const bench = new StackBench([port]);
    bench[Symbol.dispose]();
    using again = opened(bindPort("tcp", at));
    expect(again.isOpen).toBe(true);
  });
});

describe("ports that come and go", () => {
  test("are served from when they come, and listed", () => {
    using bench = new StackBench([]);
    const [one, two] = [bound("tcp", 80), bound("udp", 53)];
    for (const { port } of [one, two]) bench.stack.ports.add(port);
    expect(bench.stack.ports.all).toEqual([
      { protocol: "tcp", at: one.at, sandboxPort: 80 },
      { protocol: "udp", at: two.at, sandboxPort: 53 },
    ]);
    using _client = opened(connectTcp(one.at, vector));
    waitFor(bench.stack.fd, EPOLLIN);
    expect(segmentOf(bench.turn()[0]).destinationPort).toBe(80);
  });

  test("a TCP port that goes is free, and leaves its connections", () => {
    const { port, at } = bound("tcp", 80);
    using bench = new StackBench([port]);
    using client = opened(connectTcp(at, vector));
    waitFor(bench.stack.fd, EPOLLIN);
    const [syn] = bench.turn();
    const [published] = bench.stack.ports.all;
    if (!published || !syn) throw new Error("a port was published, and a client came");
    bench.stack.ports.remove(published);
    bench.stack.ports.remove(published);
    expect(bench.stack.ports.all).toEqual([]);
    using again = opened(bindPort("tcp", at));
    expect(again.isOpen).toBe(true);
    answer(bench, syn, TCP_FLAG.SYN | TCP_FLAG.ACK);
    bench.turn();
    client.send([bytes("still")]);
    waitFor(bench.stack.fd, EPOLLIN);
    expect([...bench.turn(), ...bench.turn()].map((sent) => text(segmentOf(sent).payload)).join("")).toBe("still");
  });

  test("with a UDP port that goes, what it led to goes as well", () => {
    const { port, at } = bound("udp", 53);
    using bench = new StackBench([port]);
    using client = opened(listenUdp(loopback(4), into));
    client.send(bytes("?"), { to: at });
    waitFor(bench.stack.fd, EPOLLIN);
    expect(bench.turn().length).toBe(1);
    expect(bench.stack.flows).toBe(1);
    const [published] = bench.stack.ports.all;
    if (!published) throw new Error("a port was published");
    bench.stack.ports.remove(published);
    expect(bench.stack.flows).toBe(0);
  });
});

describe("a published UDP port", () => {
  const heard = (socket: UdpListener): readonly string[] => {
    const got: string[] = [];
    socket.receive(9, (datagram) => got.push(text(datagram)));
    return got;
  };

  function say(bench: StackBench, to: Sent, words: string): void {
    const asked = parseUdp(to.payload);
    if (asked === undefined) throw new Error("no datagram");
    const ports = { sourcePort: asked.destinationPort, destinationPort: asked.sourcePort };
    bench.sandbox.udp({ source: to.destination, destination: to.source }, ports, bytes(words));
  }

  test("each client gets its own answers, also where two are alike to the sandbox", () => {
    const { port, at } = bound("udp", 53, { ...loopback(4), address: { family: 4, bytes: new Uint8Array(4) } });
    using bench = new StackBench([port]);
    const target = loopback(4, at.port);
    using one = opened(listenUdp(loopback(4), into));
    const second = { family: 4, bytes: Uint8Array.of(127, 0, 0, 2) } as const;
    using two = opened(listenUdp({ address: second, port: one.local.port }, into));
    one.send(bytes("1"), { to: target });
    two.send(bytes("2"), { to: target });
    const [first, other] = bench.turn();
    if (!first || !other) throw new Error("two datagrams were sent");
    expect([first, other].map(wayOf)).toEqual(["10.0.2.2 > 10.0.2.100", "10.0.2.2 > 10.0.2.100"]);
    const [a, b] = [parseUdp(first.payload), parseUdp(other.payload)];
    expect([a?.destinationPort, b?.destinationPort, a?.sourcePort]).toEqual([53, 53, one.local.port]);
    expect(b?.sourcePort).not.toBe(a?.sourcePort);
    say(bench, other, "for 2");
    say(bench, first, "for 1");
    bench.turn();
    expect([heard(one), heard(two)]).toEqual([["for 1"], ["for 2"]]);
  });

  for (const [family, asked] of [
    [4, Uint8Array.of(127, 3, 2, 1)],
    [6, loopback(6).address.bytes],
  ] as const)
    testWhere(noLoopback(family))(`IPv${family}: at all addresses, an answer comes from the one that was asked`, () => {
      const everywhere = { family, bytes: new Uint8Array(family === 4 ? 4 : 16) };
      const { port, at } = bound("udp", 53, { address: everywhere, port: 0 });
      using bench = new StackBench([port]);
      using client = opened(listenUdp(loopback(family), into));
      const target = { address: { family, bytes: asked }, port: at.port };
      client.send(bytes("?"), { to: target });
      const [question] = bench.turn();
      if (question === undefined) throw new Error("a datagram was sent");
      say(bench, question, "!");
      bench.turn();
      const got: unknown[] = [];
      client.receive(1, (datagram, from) => got.push(text(datagram), from));
      expect(got).toEqual(["!", target]);
    });

  test("a datagram larger than the MTU comes in pieces", () => {
    const { port, at } = bound("udp", 53);
    using bench = new StackBench([port]);
    using client = opened(listenUdp(loopback(4), into));
    client.send(new Uint8Array(5000), { to: at });
    expect(bench.turn().map(({ fragment }) => fragment?.offset)).toEqual([0, 1480, 2960, 4440]);
  });

  test.each([
    ["30 s after nothing was answered", false, 30_001],
    ["120 s after the last datagram", true, 120_001],
  ])("a client is forgotten %s, not before", (_, answers, later) => {
    const { port, at } = bound("udp", 53);
    using bench = new StackBench([port]);
    using client = opened(listenUdp(loopback(4), into));
    client.send(bytes("?"), { to: at });
    const [asked] = bench.turn();
    if (asked === undefined) throw new Error("a datagram was sent");
    if (answers) say(bench, asked, "early");
    bench.turn();
    heard(client);
    bench.now = later - 2;
    bench.turn();
    expect(bench.stack.timeout).toBe(1);
    bench.now = later;
    bench.turn();
    say(bench, asked, "late");
    expect(bench.turn().map(({ protocol }) => protocol)).toEqual([IP_PROTOCOL.ICMP]);
    expect(heard(client)).toEqual([]);
  });
});
