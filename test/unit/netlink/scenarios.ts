// What the kernel makes of our messages: run in a network namespace by kernel.test.ts.

import { O_RDONLY, open } from "../../../ffi/file.ts";
import { syscall } from "../../../ffi/libc.ts";
import { openTun } from "../../../ffi/tun.ts";
import { firstFailure } from "../../../src/netlink/acknowledgement.ts";
import { addAddress } from "../../../src/netlink/address.ts";
import { batch, messagesIn, REPLY_ERROR, REPLY_SEQUENCE } from "../../../src/netlink/batch.ts";
import { setBridgePort } from "../../../src/netlink/bridge_port.ts";
import { IFR_UNION, ifreq, SIOCGIFINDEX } from "../../../src/netlink/ifreq.ts";
import {
  createBridge,
  createVeth,
  deleteLink,
  enslaveLink,
  getLink,
  LOOPBACK_INDEX,
  linkIndex,
  RTM_NEWLINK,
  setLink,
} from "../../../src/netlink/link.ts";
import type { Request } from "../../../src/netlink/message.ts";
import { addForwarding, addNeighbour, deleteNeighbour } from "../../../src/netlink/neighbour.ts";
import { addDefaultRoute, addRoute } from "../../../src/netlink/route.ts";
import { TAP_INDEX, tapRequests } from "../../../src/netlink/tap_requests.ts";
import { bridge, ip, runScenario } from "../../support/net_namespace.ts";
import { NetlinkSocket } from "../../support/netlink_socket.ts";

const CLONE_NEWNET = 0x40000000;
const v4 = (...bytes: readonly number[]) => ({ family: 4, bytes: Uint8Array.from(bytes) }) as const;
const v6 = (last: number) =>
  ({ family: 6, bytes: Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last) }) as const;
const GATEWAY = Uint8Array.of(0x52, 0x55, 10, 0, 2, 2);

function ask(requests: readonly Request[], ack: "each" | "last" = "last", words = false) {
  using socket = new NetlinkSocket(words);
  const all = batch(requests, ack);
  const answers = socket.exchange(all.bytes);
  const failure = firstFailure(all, Buffer.concat(answers));
  // What a child sees that looks no further than one answer's two words.
  const first = answers[0] && new DataView(answers[0].buffer);
  return {
    answers: answers.length,
    sequence: first?.getUint32(REPLY_SEQUENCE, true),
    error: first?.getInt32(REPLY_ERROR, true),
    failed: failure && { shown: failure.request.shown, errno: failure.errno, words: failure.words },
  };
}

const TAP: readonly Request[] = [
  setLink(LOOPBACK_INDEX, { up: true }),
  setLink(TAP_INDEX, { noLinkLocal: true }),
  setLink(TAP_INDEX, { up: true, mtu: 65520, hardwareAddress: Uint8Array.of(2, 0, 0, 0, 0, 100), queueLength: 700 }),
  addAddress(TAP_INDEX, v4(10, 0, 2, 100), 24),
  addAddress(TAP_INDEX, v6(100), 64),
  addDefaultRoute(TAP_INDEX, v4(10, 0, 2, 2)),
  addDefaultRoute(TAP_INDEX, v6(2)),
  addRoute(4, { index: TAP_INDEX, to: { address: v4(192, 0, 2, 0), length: 24 } }),
  addNeighbour(TAP_INDEX, v4(10, 0, 2, 2), GATEWAY),
  addNeighbour(TAP_INDEX, v6(2), GATEWAY),
];

runScenario({
  tap() {
    using _ = openTun(tapRequests({ name: "tap0", udpSegmentation: true }));
    const answer = ask(TAP);
    return {
      answer,
      addresses: ip("address"),
      routes: ip("route"),
      routes6: ip("-6", "route"),
      neighbours: ip("neigh"),
    };
  },

  failures() {
    const requests = [
      setLink(LOOPBACK_INDEX, { up: true }),
      addAddress(77, v4(10, 0, 2, 100), 24),
      setLink(LOOPBACK_INDEX, { mtu: 1000 }),
      addDefaultRoute(LOOPBACK_INDEX, v4(10, 0, 2, 2)),
    ];
    return { last: ask(requests), each: ask(requests, "each"), words: ask(requests.slice(3), "last", true) };
  },

  lookup() {
    using _ = openTun(tapRequests({ name: "seven", index: 7 }));
    using socket = new NetlinkSocket();
    const request = ifreq("seven");
    syscall("ioctl", "seven", socket.fd, SIOCGIFINDEX, request);
    const answers = socket.exchange(batch([getLink("seven")], "last").bytes);
    const links = messagesIn(Buffer.concat(answers)).filter(({ type }) => type === RTM_NEWLINK);
    return {
      ioctl: new DataView(request.buffer).getInt32(IFR_UNION, true),
      netlink: links.map(({ body }) => linkIndex(body)),
      renamed: ask([setLink(7, { name: "eight" })]).error,
      link: ip("link", "show", "eight"),
    };
  },

  persistence() {
    openTun(tapRequests({ name: "stays", index: 5 })).close();
    openTun(tapRequests({ name: "goes", index: 6, closesWithDescriptor: true })).close();
    return (ip("link") as readonly { readonly ifname: string }[]).map(({ ifname }) => ifname);
  },

  refused() {
    using _ = openTun(tapRequests({ name: "one", index: 5 }));
    const attempts = [
      { name: "one", index: 6 },
      { name: "two", index: 5 },
    ];
    return attempts.map((options) => {
      try {
        openTun(tapRequests(options)).close();
        return "opened";
      } catch (error) {
        return error instanceof Error ? error.message : error;
      }
    });
  },

  port() {
    const mac = (last: number) => Uint8Array.of(2, 0, 0, 0, 0, last);
    const made = ask([
      createBridge({ name: "bridge0", index: 10, settings: { up: true } }),
      createVeth({ name: "one", index: 11 }, { name: "other", index: 12 }),
      enslaveLink(11, 10),
      setLink(11, { up: true }),
      setLink(12, { up: true }),
      setBridgePort(11, { learning: false, unicastFlood: false, locked: true }),
      addForwarding(11, mac(7)),
      addNeighbour(12, v4(192, 0, 2, 7), mac(7)),
      addNeighbour(12, v4(192, 0, 2, 8), mac(8)),
      deleteNeighbour(12, v4(192, 0, 2, 7)),
    ]);
    return {
      made,
      port: ip("link", "show", "one"),
      ways: bridge("fdb", "show", "dev", "one"),
      neighbours: ip("neigh"),
    };
  },

  bridge() {
    using here = open("/proc/thread-self/ns/net", O_RDONLY);
    syscall("unshare", "network", CLONE_NEWNET);
    using there = open("/proc/thread-self/ns/net", O_RDONLY);
    syscall("setns", "network", here.number, CLONE_NEWNET);
    const veth = createVeth(
      { name: "port1", index: 11, settings: { up: true, mtu: 9000 } },
      { name: "eth0", index: 2, peerNamespace: 0x7fffffff, settings: { mtu: 9000 } },
    );
    new DataView(veth.bytes.buffer).setUint32(veth.peerNamespaceAt ?? -1, there.number, true);
    const made = ask([
      createBridge({ name: "bridge0", index: 10, settings: { up: true } }),
      veth,
      enslaveLink(11, 10),
      createVeth({ name: "a" }, { name: "b" }),
    ]);
    const links = ip("link");
    syscall("setns", "network", there.number, CLONE_NEWNET);
    const inside = ip("link");
    const deleted = ask([deleteLink(2)]).error;
    return { made, links, inside, deleted, after: ip("link") };
  },
});
