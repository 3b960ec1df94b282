// Addresses of this host that every network namespace has, and waiting for sockets.

import { DatagramBatch } from "../../../../ffi/datagram_batch.ts";
import { Epoll } from "../../../../ffi/epoll.ts";
import type { Endpoint } from "../../../../ffi/sockaddr.ts";
import type { Opened } from "../../../../src/net/outbound/opened.ts";
import { listenUdp } from "../../../../src/net/outbound/udp_listener.ts";

export function loopback(family: 4 | 6, port = 0): Endpoint {
  const bytes =
    family === 4 ? Uint8Array.of(127, 0, 0, 1) : Uint8Array.from({ length: 16 }, (_, i) => Number(i === 15));
  return { address: { family, bytes }, port };
}

export function noLoopback(family: 4 | 6): string | undefined {
  const opened = listenUdp(loopback(family), new DatagramBatch(8, 1));
  if (opened.kind === "failed") return `this host has no IPv${family} loopback`;
  opened.socket.close();
  return undefined;
}

export function opened<T>(result: Opened<T>): T {
  if (result.kind === "failed") throw new Error(`not opened: errno ${result.errno}`);
  return result.socket;
}

export function waitFor(fd: number, events: number): void {
  using epoll = new Epoll(1);
  epoll.add(fd, events, 0);
  epoll.wait(-1);
}
