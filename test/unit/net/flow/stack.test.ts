// The stack with a device that is no kernel's: what it answers by itself, and what it makes of garbage.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { HostsTable } from "../../../../src/net/dns/hosts_file.ts";
import { parseResolvConf } from "../../../../src/net/dns/resolv_conf.ts";
import { Egress } from "../../../../src/net/flow/egress.ts";
import { NetworkAddresses } from "../../../../src/net/flow/network_addresses.ts";
import { Stack } from "../../../../src/net/flow/stack.ts";
import { parsePolicy } from "../../../../src/net/policy/parse_policy.ts";
import { ARP_LENGTH, ARP_OPERATION, emitArp, parseArp } from "../../../../src/net/wire/arp.ts";
import { parseDns } from "../../../../src/net/wire/dns.ts";
import { ETHER_TYPE, parseEthernet } from "../../../../src/net/wire/ethernet.ts";
import { emitIcmpv4, icmpv4Length, parseIcmpv4 } from "../../../../src/net/wire/icmpv4.ts";
import { parseIp } from "../../../../src/net/wire/ip.ts";
import { type IpPrefix, parsePrefix } from "../../../../src/net/wire/ip_address.ts";
import { IP_PROTOCOL, type IpPacket } from "../../../../src/net/wire/ip_packet.ts";
import { emitNdp, type NdpMessage, ndpLength, parseNdp } from "../../../../src/net/wire/ndp.ts";
import { parseTcp, TCP_FLAG } from "../../../../src/net/wire/tcp.ts";
import { parseUdp } from "../../../../src/net/wire/udp.ts";
import { FakeDevice } from "../../../support/fake_device.ts";
import { ethernet, OURS, packet, THEIRS, tcp, udp } from "./sandbox_frames.ts";
import { ipAddress as ip } from "./stack_bench.ts";

const addresses = new NetworkAddresses([
  {
    sandbox: ip("10.0.2.100"),
    prefix: parsePrefix("10.0.2.0/24") as IpPrefix,
    gateway: ip("10.0.2.2"),
    nameserver: ip("10.0.2.3"),
  },
  {
    sandbox: ip("fd00::100"),
    prefix: parsePrefix("fd00::/64") as IpPrefix,
    gateway: ip("fd00::2"),
    nameserver: ip("fd00::3"),
  },
]);

let device: FakeDevice;
let stack: Stack;
let told: string[];
let now = 0;

function start(rules: { allow?: string[]; deny?: string[] } = {}): void {
  told = [];
  now = 0;
  device = new FakeDevice();
  const words = { allow: rules.allow ?? [], deny: rules.deny ?? [], gateways: [ip("10.0.2.2"), ip("fd00::2")] };
  const parsed = parsePolicy({ ...words, hostLoopback: false });
  if (parsed.kind !== "policy") throw new Error(parsed.problems[0].cause);
  const { options } = parseResolvConf("");
  stack = new Stack({
    device,
    addresses,
    mtu: 1500,
    egress: new Egress(parsed.policy, { tell: ({ what }) => told.push(what) }),
    names: {
      own: new HostsTable([{ address: ip("10.0.2.100"), names: ["box"] }]),
      host: { hosts: new HostsTable([]), servers: [], options },
      changes: () => undefined,
    },
    now: () => now,
    random: () => 7,
  });
}

beforeEach(() => start());
afterEach(() => {
  stack[Symbol.dispose]();
  device.close();
});

/** What comes out when `frames` have gone in. */
function exchange(...frames: readonly Uint8Array[]): readonly Uint8Array[] {
  device.written.length = 0;
  for (const frame of frames) device.put(frame);
  stack.ready(0, now);
  stack.turn();
  return device.written.slice();
}

function packetIn(frame: Uint8Array | undefined): IpPacket {
  const found = parseIp(parseEthernet(frame ?? new Uint8Array())?.payload ?? new Uint8Array());
  if (found === undefined) throw new Error("no packet in the frame");
  return found;
}

describe("on the link", () => {
  const ask = (target: string): Uint8Array => {
    const bytes = new Uint8Array(ARP_LENGTH);
    const request = { operation: ARP_OPERATION.REQUEST, senderHardwareAddress: THEIRS, targetHardwareAddress: 0 };
    emitArp({ ...request, senderProtocolAddress: ip("10.0.2.100"), targetProtocolAddress: ip(target) }, bytes, 0);
    return ethernet(ETHER_TYPE.ARP, bytes);
  };

  test.each(["10.0.2.2", "10.0.2.3"])("%s is at our hardware address", (target) => {
    const [frame] = exchange(ask(target));
    const reply = parseArp(parseEthernet(frame ?? new Uint8Array())?.payload ?? new Uint8Array());
    expect(reply).toMatchObject({ operation: ARP_OPERATION.REPLY, senderHardwareAddress: OURS });
  });

  test("nobody answers for other addresses, nor for frames to another hardware address", () => {
    expect(exchange(ask("10.0.2.77"), ask("10.0.2.100"), ask("192.0.2.1"))).toEqual([]);
    const elsewhere = ask("10.0.2.2");
    elsewhere[5] = 0x99;
    expect(exchange(elsewhere)).toEqual([]);
  });
});

describe("echo", () => {
  const request = (source: string, destination: string): Uint8Array => {
    const message = { kind: "echo-request", identifier: 5, sequenceNumber: 6, data: Uint8Array.of(1, 2, 3) } as const;
    const bytes = new Uint8Array(icmpv4Length(message));
    emitIcmpv4(message, bytes, 0);
    return packet(source, destination, IP_PROTOCOL.ICMP, bytes);
  };

  test("the gateway answers with what it was asked", () => {
    const [frame] = exchange(request("10.0.2.100", "10.0.2.2"));
    const answer = packetIn(frame);
    expect(parseIcmpv4(answer.payload)).toEqual({
      kind: "echo-reply",
      identifier: 5,
      sequenceNumber: 6,
      data: Uint8Array.of(1, 2, 3),
    });
  });

  test("a source that is not the sandbox's gets nothing", () => {
    expect(exchange(request("10.0.2.99", "10.0.2.2"), request("127.0.0.1", "10.0.2.2"))).toEqual([]);
  });
});

describe("TCP that leads nowhere", () => {
  const resetIn = (frame: Uint8Array | undefined) => parseTcp(packetIn(frame).payload);

  test.each([
    ["the host's loopback behind the gateway", "10.0.2.100", "10.0.2.2"],
    ["loopback itself", "10.0.2.100", "127.0.0.1"],
    ["this network", "10.0.2.100", "0.0.0.0"],
    ["an address of the link that nobody has", "10.0.2.100", "10.0.2.77"],
    ["metadata", "10.0.2.100", "169.254.169.254"],
    ["IPv6 loopback", "fd00::100", "::1"],
    ["IPv4-mapped loopback", "fd00::100", "::ffff:127.0.0.1"],
    ["IPv4-compatible loopback", "fd00::100", "::127.0.0.1"],
    ["NAT64 of loopback", "fd00::100", "64:ff9b::7f00:1"],
  ])("%s is reset at once", (_, source, destination) => {
    const frames = exchange(packet(source, destination, IP_PROTOCOL.TCP, tcp({})));
    expect(resetIn(frames[0])).toMatchObject({ flags: TCP_FLAG.RST | TCP_FLAG.ACK, acknowledgmentNumber: 101 });
    expect(frames).toHaveLength(1);
  });

  test("a segment of no connection is reset at its own acknowledgment, and a reset is not answered", () => {
    const ack = tcp({ flags: TCP_FLAG.ACK, acknowledgmentNumber: 77 });
    const [frame] = exchange(packet("10.0.2.100", "192.0.2.1", IP_PROTOCOL.TCP, ack));
    expect(resetIn(frame)).toMatchObject({ flags: TCP_FLAG.RST, sequenceNumber: 77 });
    const reset = tcp({ flags: TCP_FLAG.RST });
    expect(exchange(packet("10.0.2.100", "192.0.2.1", IP_PROTOCOL.TCP, reset))).toEqual([]);
  });

  test("what a rule stops is told once", () => {
    stack[Symbol.dispose]();
    device.close();
    start({ allow: ["198.51.100.0/24:443"] });
    for (let i = 0; i < 3; i++)
      exchange(packet("10.0.2.100", "192.0.2.1", IP_PROTOCOL.TCP, tcp({ sourcePort: 5000 + i })));
    expect(told).toEqual(["Blocked tcp to 192.0.2.1 port 80"]);
  });
});

describe("what sets a link up", () => {
  /** RFC 2131 section 2: a BOOTREQUEST over Ethernet, then the cookie and the options. */
  const dhcp = (...options: readonly number[]): Uint8Array => {
    const message = new Uint8Array(300);
    message.set([1, 1, 6, 0, 1, 2, 3, 4]);
    message.set([2, 0, 0, 0, 0, 1], 28);
    message.set([99, 130, 83, 99, ...options, 255], 236);
    return packet("0.0.0.0", "255.255.255.255", IP_PROTOCOL.UDP, udp(67, message));
  };
  const replyIn = (frame: Uint8Array | undefined): Uint8Array =>
    parseUdp(packetIn(frame).payload)?.payload ?? new Uint8Array();

  test("DHCP offers the address that there is, confirms it, and no other", () => {
    const offered = replyIn(exchange(dhcp(53, 1, 1))[0]);
    expect([...offered.subarray(16, 20)]).toEqual([10, 0, 2, 100]);
    expect([...offered.subarray(240, 243)]).toEqual([53, 1, 2]);
    const asked = [50, 4, 10, 0, 2, 100] as const;
    expect([...replyIn(exchange(dhcp(53, 1, 3, ...asked))[0]).subarray(240, 243)]).toEqual([53, 1, 5]);
    expect([...replyIn(exchange(dhcp(53, 1, 3, 50, 4, 10, 0, 2, 7))[0]).subarray(240, 243)]).toEqual([53, 1, 6]);
  });

  const solicit = (message: NdpMessage, destination: string): Uint8Array => {
    const [source, group] = [ip("fd00::100"), ip(destination)];
    const bytes = new Uint8Array(ndpLength(message));
    emitNdp(message, { source, destination: group }, bytes, 0);
    const frame = packet("fd00::100", destination, IP_PROTOCOL.ICMPV6, bytes);
    frame[14 + 7] = 255;
    frame.set([0x33, 0x33, 0, 0, 0, 1], 0);
    return frame;
  };

  test("a neighbour solicitation for the gateway is answered, and one for nobody is not", () => {
    const ask = (target: string): readonly Uint8Array[] =>
      exchange(solicit({ kind: "neighbor-solicitation", target: ip(target), options: {} }, "ff02::1:ff00:2"));
    const answer = packetIn(ask("fd00::2")[0]);
    expect(parseNdp(answer.payload, answer.hopLimit, answer)).toMatchObject({
      kind: "neighbor-advertisement",
      target: ip("fd00::2"),
      options: { targetLinkLayerAddress: OURS },
    });
    expect(ask("fd00::77")).toEqual([]);
  });

  test("a router solicitation is answered by the gateway, with its network and its name server", () => {
    const [frame] = exchange(solicit({ kind: "router-solicitation", options: {} }, "ff02::2"));
    const answer = packetIn(frame);
    expect(parseNdp(answer.payload, answer.hopLimit, answer)).toMatchObject({
      kind: "router-advertisement",
      options: { mtu: 1500, prefixes: [{ onLink: true, autonomous: false }] },
    });
  });
});

describe("names", () => {
  /** RFC 1035 section 4.1: one question for an A record, recursion desired. */
  const query = (label: string): Uint8Array => {
    const name = [label.length, ...new TextEncoder().encode(label), 0];
    return Uint8Array.of(0, 99, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 1, 0, 1);
  };

  test("the sandbox's own is answered without asking anybody", () => {
    const [frame] = exchange(packet("10.0.2.100", "10.0.2.3", IP_PROTOCOL.UDP, udp(53, query("box"))));
    const datagram = parseUdp(packetIn(frame).payload);
    expect(datagram).toMatchObject({ sourcePort: 53, destinationPort: 4000 });
    expect(parseDns(datagram?.payload ?? new Uint8Array())?.answers[0]?.data).toEqual({
      kind: "address",
      address: ip("10.0.2.100"),
    });
  });

  test("other ports of the name server refuse", () => {
    const [frame] = exchange(packet("10.0.2.100", "10.0.2.3", IP_PROTOCOL.UDP, udp(54, new Uint8Array(4))));
    expect(parseIcmpv4(packetIn(frame).payload)?.kind).toBe("destination-unreachable");
  });
});
