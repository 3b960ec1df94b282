// Ping sockets, in a network namespace whose ping_group_range is the test's to set: run by datagrams.test.ts.
import { writeFileSync } from "node:fs";
import { DatagramBatch } from "../../../../ffi/datagram_batch.ts";
import { EPOLLIN } from "../../../../ffi/epoll.ts";
import { connectEcho } from "../../../../src/net/outbound/echo_socket.ts";
import { batch } from "../../../../src/netlink/batch.ts";
import { LOOPBACK_INDEX, setLink } from "../../../../src/netlink/link.ts";
import { runScenario } from "../../../support/net_namespace.ts";
import { NetlinkSocket } from "../../../support/netlink_socket.ts";
import { loopback, opened, waitFor } from "./loopback.ts";

const into = new DatagramBatch(8, 65536);
const IDENTIFIER = 0xffff;

function echo(family: 4 | 6, type: number) {
  using socket = opened(connectEcho(loopback(family).address, into));
  const sent = socket.send(Uint8Array.of(type, 0, 0, 0, IDENTIFIER >> 8, IDENTIFIER & 0xff, 0, 42, 1, 2, 3));
  waitFor(socket.fd, EPOLLIN);
  let reply = new Uint8Array(0);
  socket.receive(1, (datagram) => {
    reply = datagram.slice();
  });
  const view = new DataView(reply.buffer);
  return {
    sent,
    length: reply.length,
    type: reply[0],
    code: reply[1],
    renamed: view.getUint16(4) !== IDENTIFIER,
    sequence: view.getUint16(6),
    data: [...reply.subarray(8)],
    after: socket.receive(9, () => {}),
  };
}

runScenario({
  forbidden() {
    // A new namespace allows nobody.
    return connectEcho(loopback(4).address, into);
  },

  echo() {
    writeFileSync("/proc/sys/net/ipv4/ping_group_range", "0 0");
    using socket = new NetlinkSocket();
    socket.exchange(batch([setLink(LOOPBACK_INDEX, { up: true })], "last").bytes);
    return { 4: echo(4, 8), 6: echo(6, 128) };
  },
});
