// A sandbox that means harm: it speaks every protocol of the link well enough to get somewhere (its connections are open, its datagrams
// come in pieces, its questions have names), and then says most things almost right.
import { emitArp } from "../../../../src/net/wire/arp.ts";
import { complement, sum } from "../../../../src/net/wire/checksum.ts";
import { ETHER_TYPE, parseEthernet } from "../../../../src/net/wire/ethernet.ts";
import { cutFragments } from "../../../../src/net/wire/fragments.ts";
import { emitIcmpv4, icmpv4Length } from "../../../../src/net/wire/icmpv4.ts";
import { emitIcmpv6, icmpv6Length } from "../../../../src/net/wire/icmpv6.ts";
import { parseIp } from "../../../../src/net/wire/ip.ts";
import { formatIpAddress } from "../../../../src/net/wire/ip_address.ts";
import { IP_PROTOCOL } from "../../../../src/net/wire/ip_packet.ts";
import { emitNdp, type NdpMessage, ndpLength } from "../../../../src/net/wire/ndp.ts";
import { parseTcp, TCP_FLAG, type TcpHeader } from "../../../../src/net/wire/tcp.ts";
import type { Random } from "../../../fixtures/rootfs-builder/random.ts";
import { ethernet, OURS, packet, THEIRS, tcp, udp } from "./sandbox_frames.ts";
import { ipAddress } from "./stack_bench.ts";

const { FIN, SYN, RST, PSH, ACK, URG } = TCP_FLAG;
const OWN = { 4: "10.0.2.100", 6: "fd00::100" } as const;
const GATEWAY = { 4: "10.0.2.2", 6: "fd00::2" } as const;
const NAMESERVER = { 4: "10.0.2.3", 6: "fd00::3" } as const;
const MTU = 1500;
const BYTES = new Uint8Array(64_000).fill(0x61);
/** Numbers that lengths, counts and offsets trip over. */
const EDGES = [0, 1, 2, 4, 7, 8, 0x0f, 0x45, 0x4f, 0x60, 0x7f, 0x80, 0xc0, 0xfe, 0xff] as const;

/** What the other end said last of a connection. */
type Known = {
  readonly family: 4 | 6;
  readonly remote: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Of ours to send, and what has been seen of theirs. */
  next: number;
  seen: number;
};

export class HostileSandbox {
  readonly #chance: Random;
  readonly #server: number;
  #connections: Known[] = [];
  established = 0;

  /** @param server a TCP and UDP port behind the gateway that may be reached. */
  constructor(chance: Random, server: number) {
    this.#chance = chance;
    this.#server = server;
  }

  /** Frames to send next; some of them belong together. */
  frames(): readonly Uint8Array[] {
    const { below } = this.#chance;
    if (below(20) === 0) return [new Uint8Array(below(200)).map(() => below(256))];
    const right = this.#right();
    return below(3) === 0 ? right : this.#shuffled(right).map((frame) => this.#damaged(frame));
  }

  /** Learns from what came back. */
  hears(frame: Uint8Array): void {
    const ip = parseIp(parseEthernet(frame)?.payload ?? new Uint8Array());
    const segment = ip?.protocol === IP_PROTOCOL.TCP ? parseTcp(ip.payload) : undefined;
    if (ip === undefined || segment === undefined || segment.flags & RST) return;
    const { sourcePort, destinationPort, sequenceNumber, acknowledgmentNumber, flags, payload } = segment;
    const seen = (sequenceNumber + payload.length + (flags & (SYN | FIN) ? 1 : 0)) >>> 0;
    const ends = { sourcePort: destinationPort, destinationPort: sourcePort };
    const known = this.#connections.find(
      (one) => one.sourcePort === destinationPort && one.destinationPort === sourcePort,
    );
    if (known) known.seen = seen;
    else if (flags & SYN) {
      const { family } = ip.source;
      this.established++;
      this.#connections.push({ ...ends, family, remote: formatIpAddress(ip.source), next: acknowledgmentNumber, seen });
      this.#connections = this.#connections.slice(-50);
    }
  }

  #right(): readonly Uint8Array[] {
    const { pick } = this.#chance;
    const family = pick([4, 6] as const);
    const kinds = [
      "syn",
      "segment",
      "segment",
      "segment",
      "datagram",
      "pieces",
      "name",
      "link",
      "echo",
      "error",
    ] as const;
    switch (pick(kinds)) {
      case "syn":
        return [this.#syn(family)];
      case "segment":
        return [this.#segment() ?? this.#syn(family)];
      case "datagram":
        return [this.#packet(family, GATEWAY[family], IP_PROTOCOL.UDP, this.#datagram())];
      case "pieces":
        return this.#pieces(family);
      case "name":
        return [this.#packet(family, NAMESERVER[family], IP_PROTOCOL.UDP, udp(53, this.#query(), this.#port()))];
      case "link":
        return [pick([() => this.#arp(), () => this.#dhcp(), () => this.#neighbour()])()];
      case "echo":
        return [this.#icmp(family, "echo-request")];
      case "error":
        return [this.#icmp(family, "destination-unreachable")];
    }
  }

  #port(): number {
    return 4000 + this.#chance.below(300);
  }

  #packet(family: 4 | 6, to: string, protocol: number, payload: Uint8Array): Uint8Array {
    return packet(OWN[family], to, protocol, payload);
  }

  #syn(family: 4 | 6): Uint8Array {
    const { below, pick } = this.#chance;
    const [remote, destinationPort] = pick([
      [GATEWAY[family], this.#server],
      [GATEWAY[family], this.#server],
      [NAMESERVER[family], 53],
    ] as const);
    const options = {
      ...(below(3) > 0 && { maximumSegmentSize: pick([1, 500, 1460]) }),
      ...(below(3) > 0 && { windowScale: pick([0, 7, 14]) }),
      ...(below(3) > 0 && { sackPermitted: true }),
      ...(below(3) > 0 && { timestamps: { value: below(2 ** 32), echoReply: 0 } }),
    };
    const header = { destinationPort, sequenceNumber: below(2 ** 32), window: below(65_536), options };
    return this.#packet(family, remote, IP_PROTOCOL.TCP, tcp({ ...header, sourcePort: this.#port() }));
  }

  #segment(): Uint8Array | undefined {
    const { below, pick } = this.#chance;
    const known = this.#connections[below(Math.max(1, this.#connections.length))];
    if (known === undefined) return undefined;
    const payload = pick([0, 0, 1, 100, 1440, 30_000, 60_000] as const);
    const isName = known.destinationPort === 53 && below(2) === 0;
    const bytes = isName ? Buffer.concat([Uint8Array.of(0, 21), this.#query()]) : BYTES.subarray(0, payload);
    const off = pick([0, 0, 0, 0, 1, -1, 100, -1440, 30_000, below(2 ** 32)]);
    const header: Partial<TcpHeader> = {
      sourcePort: known.sourcePort,
      destinationPort: known.destinationPort,
      sequenceNumber: (known.next + off) >>> 0,
      acknowledgmentNumber: (known.seen + pick([0, 0, 0, 0, -1, 1, -1000, below(2 ** 32)])) >>> 0,
      flags: pick([ACK, ACK, ACK, ACK | PSH, ACK | FIN, ACK | URG, below(8) === 0 ? RST : ACK, below(256)]),
      window: pick([0, 1, 1000, 65_535]),
      options: below(3) === 0 ? { sackBlocks: [[known.seen, (known.seen + below(5000)) >>> 0]] } : {},
    };
    if (off === 0) known.next = (known.next + bytes.length) >>> 0;
    return this.#packet(known.family, known.remote, IP_PROTOCOL.TCP, tcp(header, bytes));
  }

  #datagram(): Uint8Array {
    const { below, pick } = this.#chance;
    const port = pick([this.#server, this.#server, 9, 53, 67]);
    return udp(port, BYTES.subarray(0, pick([0, 1, 100, 1400, below(20_000)])), this.#port());
  }

  #pieces(family: 4 | 6): readonly Uint8Array[] {
    const { below } = this.#chance;
    const datagram = udp(this.#server, BYTES.subarray(0, 3000 + below(50_000)), this.#port());
    const cuts = [...cutFragments(family, datagram.length, MTU, below(2 ** 32))];
    return cuts.map(({ fragment, length }) =>
      packet(
        OWN[family],
        GATEWAY[family],
        IP_PROTOCOL.UDP,
        datagram.subarray(fragment.offset, fragment.offset + length),
        { fragment },
      ),
    );
  }

  /** 21 bytes. */
  #query(): Uint8Array {
    const { below, pick } = this.#chance;
    const label = [3, 98, 111, 120];
    const id = [below(256), below(256)];
    return Uint8Array.of(...id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...label, 0, 0, pick([1, 28, 12, 255, 65]), 0, 1);
  }

  #arp(): Uint8Array {
    const bytes = new Uint8Array(28);
    const ends = { senderHardwareAddress: THEIRS, targetHardwareAddress: OURS };
    const addresses = {
      senderProtocolAddress: ipAddress(OWN[4]),
      targetProtocolAddress: ipAddress(this.#chance.pick([GATEWAY[4], NAMESERVER[4], OWN[4]])),
    };
    emitArp({ operation: this.#chance.pick([1, 2]), ...ends, ...addresses }, bytes, 0);
    return ethernet(ETHER_TYPE.ARP, bytes);
  }

  /** RFC 2131 section 2. */
  #dhcp(): Uint8Array {
    const message = new Uint8Array(300);
    message.set([1, 1, 6, 0, 1, 2, 3, 4]);
    const asks = [53, 1, this.#chance.pick([1, 3, 4, 7, 8]), 50, 4, 10, 0, 2, 100, 55, 3, 1, 3, 6, 255];
    message.set([99, 130, 83, 99, ...asks], 236);
    return packet("0.0.0.0", "255.255.255.255", IP_PROTOCOL.UDP, udp(67, message, 68));
  }

  #neighbour(): Uint8Array {
    const options = { sourceLinkLayerAddress: THEIRS };
    const message = this.#chance.pick<NdpMessage>([
      { kind: "neighbor-solicitation", target: ipAddress(GATEWAY[6]), options },
      { kind: "router-solicitation", options },
    ]);
    const route = { source: ipAddress(OWN[6]), destination: ipAddress("ff02::2") };
    const bytes = new Uint8Array(ndpLength(message));
    emitNdp(message, route, bytes, 0);
    const frame = packet(OWN[6], "ff02::2", IP_PROTOCOL.ICMPV6, bytes, { hopLimit: 255 });
    frame.set([0x33, 0x33, 0, 0, 0, 2]);
    return frame;
  }

  #icmp(family: 4 | 6, kind: "echo-request" | "destination-unreachable"): Uint8Array {
    const { below } = this.#chance;
    const to = this.#chance.pick([GATEWAY[family], "192.0.2.1"]);
    const remote = family === 4 ? to : GATEWAY[6];
    const echo = {
      kind: "echo-request",
      identifier: below(300),
      sequenceNumber: 1,
      data: BYTES.subarray(0, 64),
    } as const;
    const invokingPacket = this.#packet(family, remote, IP_PROTOCOL.TCP, tcp({ sourcePort: this.#port() })).subarray(
      14,
    );
    if (family === 4) {
      const message =
        kind === "echo-request" ? echo : ({ kind, code: below(16), nextHopMtu: 0, invokingPacket } as const);
      const bytes = new Uint8Array(icmpv4Length(message));
      emitIcmpv4(message, bytes, 0);
      return this.#packet(4, remote, IP_PROTOCOL.ICMP, bytes);
    }
    const message = kind === "echo-request" ? echo : ({ kind, code: below(8), invokingPacket } as const);
    const bytes = new Uint8Array(icmpv6Length(message));
    emitIcmpv6(message, { source: ipAddress(OWN[6]), destination: ipAddress(remote) }, bytes, 0);
    return this.#packet(6, remote, IP_PROTOCOL.ICMPV6, bytes);
  }

  /** Some twice, some not at all, some out of their order. */
  #shuffled(frames: readonly Uint8Array[]): readonly Uint8Array[] {
    const { below } = this.#chance;
    const chosen = frames.flatMap((frame) => Array<Uint8Array>([1, 1, 1, 0, 2][below(5)] ?? 1).fill(frame));
    return below(2) === 0
      ? chosen
      : chosen
          .map((frame) => ({ frame, key: below(1000) }))
          .sort((a, b) => a.key - b.key)
          .map(({ frame }) => frame);
  }

  #damaged(frame: Uint8Array): Uint8Array {
    const { below, pick } = this.#chance;
    let bytes = frame.slice();
    for (let count = below(4); count > 0 && bytes.length > 0; count--) {
      const at = below(below(3) === 0 ? bytes.length : Math.min(bytes.length, 100));
      if (below(10) === 0) bytes = bytes.slice(0, at);
      else if (below(20) === 0) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(below(at + 1))]);
      else bytes[at] = below(2) === 0 ? pick(EDGES) : below(256);
    }
    if (below(4) > 0) resum(bytes);
    return bytes;
  }
}

/** Most damage to an IPv4 header would stop at its checksum; made right again, it goes deeper. */
function resum(frame: Uint8Array): void {
  const bytes = frame.subarray(14);
  const length = ((bytes[0] ?? 0) & 0xf) * 4;
  if ((bytes[0] ?? 0) >> 4 !== 4 || length < 20 || length > bytes.length) return;
  bytes.fill(0, 10, 12);
  const checksum = complement(sum(bytes.subarray(0, length)));
  bytes.set([checksum >> 8, checksum & 0xff], 10);
}
