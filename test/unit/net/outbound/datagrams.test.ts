import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { DatagramBatch } from "../../../../ffi/datagram_batch.ts";
import { EPOLLIN } from "../../../../ffi/epoll.ts";
import { ERRNO } from "../../../../ffi/errno.ts";
import type { Endpoint } from "../../../../ffi/sockaddr.ts";
import { listenUdp } from "../../../../src/net/outbound/udp_listener.ts";
import { connectUdp } from "../../../../src/net/outbound/udp_socket.ts";
import { inNetNamespace, noNetNamespace } from "../../../support/net_namespace.ts";
import { testWhere } from "../../../support/test_where.ts";
import { loopback, noLoopback, opened, waitFor } from "./loopback.ts";

const into = new DatagramBatch(8, 65536);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

for (const family of [4, 6] as const)
  testWhere(noLoopback(family))(`IPv${family}: a listener answers who asked; the asker hears its peer alone`, () => {
    using server = opened(listenUdp(loopback(family), into));
    using stranger = opened(listenUdp(loopback(family), into));
    using client = opened(connectUdp(server.local, into));
    expect(client.send(bytes("who?"))).toBe(4);
    expect(client.send(bytes(""))).toBe(0);
    const got: [string, Endpoint][] = [];
    const keep = (datagram: Uint8Array, from: Endpoint) => got.push([Buffer.from(datagram).toString(), from]);
    expect(server.receive(1, keep)).toEqual({ kind: "more" });
    expect(server.receive(9, keep)).toEqual({ kind: "drained" });
    expect(got).toEqual([
      ["who?", client.local],
      ["", client.local],
    ]);
    stranger.send(bytes("me!"), { to: client.local });
    server.send(bytes("I"), { to: client.local });
    const heard: string[] = [];
    expect(client.receive(9, (datagram) => heard.push(Buffer.from(datagram).toString()))).toEqual({ kind: "drained" });
    expect(heard).toEqual(["I"]);
  });

describe("a connected UDP socket", () => {
  test("is told by ICMP that nobody listens, once", () => {
    const gone = opened(listenUdp(loopback(4), into));
    using client = opened(connectUdp(gone.local, into));
    gone.close();
    client.send(bytes("x"));
    waitFor(client.fd, EPOLLIN);
    const drained = client.receive(9, () => {});
    expect(drained).toEqual({ kind: "failed", errno: ERRNO.ECONNREFUSED });
    expect(client.receive(9, () => {})).toEqual({ kind: "drained" });
  });

  test("takes no more than a datagram can hold, and cuts off what does not fit", () => {
    using server = opened(listenUdp(loopback(4), new DatagramBatch(8, 4)));
    using client = opened(connectUdp(server.local, into));
    client.setHopLimit(3);
    expect(client.send(new Uint8Array(65508))).toBe(-ERRNO.EMSGSIZE);
    expect(client.send(bytes("too long"))).toBe(8);
    const got: string[] = [];
    server.receive(1, (datagram) => got.push(Buffer.from(datagram).toString()));
    expect(got).toEqual(["too "]);
  });

  test("closes once", () => {
    const client = opened(connectUdp(loopback(4, 9), into));
    client.close();
    client.close();
    expect(() => client.fd).toThrow("closed");
  });

  test("a busy port is a result", () => {
    using server = opened(listenUdp(loopback(4), into));
    expect(listenUdp(server.local, into)).toEqual({ kind: "failed", errno: ERRNO.EADDRINUSE });
  });
});

describe("an echo socket", () => {
  const scenario = (name: string): unknown => inNetNamespace(join(import.meta.dir, "scenarios.ts"), name);
  const withNamespace = testWhere(noNetNamespace());

  withNamespace("may not be made by groups out of net.ipv4.ping_group_range", () => {
    expect(scenario("forbidden")).toEqual({ kind: "failed", errno: ERRNO.EACCES });
  });

  withNamespace("sends a request and gets the reply, the identifier being the kernel's", () => {
    const reply = {
      sent: 11,
      length: 11,
      code: 0,
      sequence: 42,
      data: [1, 2, 3],
      renamed: true,
      after: { kind: "drained" },
    };
    expect(scenario("echo")).toEqual({ 4: { type: 0, ...reply }, 6: { type: 129, ...reply } });
  });
});
