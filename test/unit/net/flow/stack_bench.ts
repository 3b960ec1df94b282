// A stack without a kernel at its other end: what it sends is kept, packet by packet, and packets are given to it as a sandbox would.
import { openSocket } from "../../../../ffi/socket.ts";
import { type FrameSink, FrameWriter } from "../../../../src/net/flow/frame_writer.ts";
import { type FamilyAddresses, NetworkAddresses } from "../../../../src/net/flow/network_addresses.ts";
import type { BoundPort } from "../../../../src/net/flow/publish.ts";
import { Stack } from "../../../../src/net/flow/stack.ts";
import { BlockPool } from "../../../../src/net/tcp/block_pool.ts";
import { ETHER_TYPE, parseEthernet } from "../../../../src/net/wire/ethernet.ts";
import { GATEWAY_MAC } from "../../../../src/net/wire/gateway_mac.ts";
import { type IpAddress, type IpPrefix, parseIpAddress, parsePrefix } from "../../../../src/net/wire/ip_address.ts";
import type { IpPacket } from "../../../../src/net/wire/ip_packet.ts";
import { parseIpv4 } from "../../../../src/net/wire/ipv4.ts";
import { parseIpv6 } from "../../../../src/net/wire/ipv6.ts";
import { getMacAddress, type MacAddress } from "../../../../src/net/wire/mac_address.ts";
import { datagramSegmentSize, VIRTIO_NET_HDR_LENGTH } from "../../../../src/net/wire/virtio_net_hdr.ts";
import { noNames, openEgress } from "../../../support/quiet_network.ts";

const MOST_HEADER = 256;
export const SANDBOX_MAC: MacAddress = 0x02aabbccddee;

export function ipAddress(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) throw new TypeError(text);
  return address;
}

export const FAMILIES: Readonly<Record<4 | 6, FamilyAddresses>> = {
  4: family("10.0.2.0/24", ["10.0.2.100", "10.0.2.2", "10.0.2.3"]),
  6: family("fd00::/64", ["fd00::100", "fd00::2", "fd00::3"]),
};

/** `segmentSize`: of a frame that holds several datagrams, as its virtio_net_hdr has it. */
export type Sent = IpPacket & { readonly mac: MacAddress; readonly segmentSize: number };

export class StackBench implements Disposable {
  readonly stack: Stack;
  /** Of the stack's clock, in milliseconds. */
  now = 0;
  readonly #sent: Sent[] = [];
  readonly #frames: Uint8Array[] = [];
  // Something to wait for that never comes.
  readonly #silent = openSocket(4, "datagram");
  /** Packets of the sandbox's. */
  readonly sandbox: FrameWriter;

  constructor(
    published: readonly BoundPort[],
    { mtu = 1500, pool = new BlockPool(), segmentsDatagrams = false, hostLoopback = false } = {},
  ) {
    const header = new Uint8Array(MOST_HEADER);
    const write = (length: number, payload: readonly Uint8Array[]): boolean =>
      this.#keep(Buffer.concat([header.subarray(0, length), ...payload]));
    this.sandbox = new FrameWriter(queueOf(this.#frames), SANDBOX_MAC, getMacAddress(GATEWAY_MAC, 0));
    const read = () => this.#frames.shift();
    const segmentDatagrams = () => segmentsDatagrams;
    let random = 1;
    this.stack = new Stack({
      device: { fd: this.#silent.number, header, write, read, segmentDatagrams },
      addresses: new NetworkAddresses([FAMILIES[4], FAMILIES[6]]),
      mtu,
      egress: openEgress([FAMILIES[4].gateway, FAMILIES[6].gateway], hostLoopback),
      names: noNames(),
      published,
      pool,
      sandboxMac: SANDBOX_MAC,
      now: () => this.now,
      random: () => random++,
    });
  }

  /** What the stack has sent by the end of a turn. */
  turn(): readonly Sent[] {
    do this.stack.ready(0, this.now);
    while (this.#frames.length > 0);
    this.stack.turn();
    return this.#sent.splice(0);
  }

  [Symbol.dispose](): void {
    this.stack[Symbol.dispose]();
    this.#silent.close();
  }

  #keep(bytes: Uint8Array): boolean {
    const frame = parseEthernet(bytes.subarray(VIRTIO_NET_HDR_LENGTH));
    const parse = frame?.etherType === ETHER_TYPE.IPV6 ? parseIpv6 : parseIpv4;
    const packet = frame && parse(frame.payload);
    if (packet === undefined) throw new Error("the stack has sent what is no IP packet");
    this.#sent.push({ ...packet, mac: frame?.destination ?? 0, segmentSize: datagramSegmentSize(bytes) });
    return true;
  }
}

function queueOf(frames: Uint8Array[]): FrameSink {
  const header = new Uint8Array(MOST_HEADER);
  const write = (length: number, payload: readonly Uint8Array[]): boolean =>
    frames.push(Buffer.concat([header.subarray(0, length), ...payload])) > 0;
  return { header, write };
}

function family(prefixText: string, [own = "", gateway = "", nameserver = ""]: readonly string[]): FamilyAddresses {
  const prefix: IpPrefix | undefined = parsePrefix(prefixText);
  if (prefix === undefined) throw new TypeError(prefixText);
  return { sandbox: ipAddress(own), prefix, gateway: ipAddress(gateway), nameserver: ipAddress(nameserver) };
}
