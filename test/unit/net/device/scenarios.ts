// A TAP device between TapDevice and the kernel's own sockets: run in a network namespace by tap_device.test.ts.
import { EPOLLIN, Epoll } from "../../../../ffi/epoll.ts";
import { syscall } from "../../../../ffi/libc.ts";
import { type Address, Sockaddr } from "../../../../ffi/sockaddr.ts";
import {
  bind,
  connect,
  localEndpoint,
  openSocket,
  receive,
  receiveFrom,
  send,
  setOption,
} from "../../../../ffi/socket.ts";
import { openTun } from "../../../../ffi/tun.ts";
import { TapDevice } from "../../../../src/net/device/tap_device.ts";
import { addAddress } from "../../../../src/netlink/address.ts";
import { batch } from "../../../../src/netlink/batch.ts";
import { deleteLink, setLink } from "../../../../src/netlink/link.ts";
import type { Request } from "../../../../src/netlink/message.ts";
import { addNeighbour } from "../../../../src/netlink/neighbour.ts";
import { TAP_INDEX, tapRequests } from "../../../../src/netlink/tap_requests.ts";
import { runScenario } from "../../../support/net_namespace.ts";
import { NetlinkSocket } from "../../../support/netlink_socket.ts";

const HERE = { family: 4, bytes: Uint8Array.of(10, 0, 2, 100) } as const;
const GATEWAY = { family: 4, bytes: Uint8Array.of(10, 0, 2, 2) } as const;
const HERE_MAC = Uint8Array.of(2, 0, 0, 0, 0, 100);
const GATEWAY_MAC = Uint8Array.of(0x52, 0x55, 10, 0, 2, 2);
const VNET_BYTES = 12;
const IP = VNET_BYTES + 14;
const HEADERS = IP + 20 + 8;
const MSS = 1460;
const NEEDS_CSUM = 1;
const GSO_TCPV4 = 1;

function tap(...more: readonly Request[]): TapDevice {
  const device = new TapDevice(openTun(tapRequests({ name: "tap0" })));
  tell(
    setLink(TAP_INDEX, { noLinkLocal: true }),
    setLink(TAP_INDEX, { up: true, mtu: 65520, hardwareAddress: HERE_MAC }),
    addAddress(TAP_INDEX, HERE, 24),
    ...more,
  );
  return device;
}

function tell(...requests: readonly Request[]): void {
  using socket = new NetlinkSocket();
  const answers = socket.exchange(batch(requests, "last").bytes);
  if (answers.length !== 1 || new DataView((answers[0] as Uint8Array).buffer).getInt32(16, true) !== 0)
    throw new Error("netlink refused");
}

function udp(port: number, to?: Address) {
  const fd = openSocket(4, "datagram");
  if (bind(fd.number, new Sockaddr({ address: HERE, port })) < 0) throw new Error("bind");
  if (to && connect(fd.number, new Sockaddr({ address: to, port: 53 })) < 0) throw new Error("connect");
  return fd;
}

/** The next frame of EtherType `type`: the kernel has things of its own to say. */
function frame(device: TapDevice, type: number): Uint8Array {
  using epoll = new Epoll(1);
  epoll.add(device.fd, EPOLLIN, 0);
  for (;;) {
    const bytes = device.read();
    if (!bytes) epoll.wait(-1);
    else if (bytes[VNET_BYTES + 12] === type >> 8 && bytes[VNET_BYTES + 13] === (type & 0xff)) return bytes;
  }
}

/** virtio_net_hdr, Ethernet, IPv4, UDP, of a datagram from the gateway's port 53; without a checksum of its own (RFC 768). */
function emitHeaders(bytes: Uint8Array, port: number, length: number): void {
  const view = emitIpHeader(bytes, 17, 8 + length);
  view.setUint16(IP + 20, 53);
  view.setUint16(IP + 22, port);
  view.setUint16(IP + 24, 8 + length);
}

/** virtio_net_hdr (empty), Ethernet and IPv4 of what comes from the gateway; zeroes behind. */
function emitIpHeader(bytes: Uint8Array, protocol: number, length: number): DataView {
  bytes.fill(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  bytes.set(HERE_MAC, VNET_BYTES);
  bytes.set(GATEWAY_MAC, VNET_BYTES + 6);
  view.setUint16(VNET_BYTES + 12, 0x0800);
  view.setUint8(IP, 0x45);
  view.setUint16(IP + 2, 20 + length);
  view.setUint8(IP + 8, 64);
  view.setUint8(IP + 9, protocol);
  bytes.set(GATEWAY.bytes, IP + 12);
  bytes.set(HERE.bytes, IP + 16);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += view.getUint16(IP + i);
  view.setUint16(IP + 10, ~((sum & 0xffff) + (sum >> 16)));
  return view;
}

type Segment = {
  readonly port: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly syn: boolean;
  readonly length: number;
};

/**
 * A segment from port 80 that is to be cut at 1,460 bytes. Its checksum is said to be still to be made: the kernel, being where it was
 * to go, trusts it as it is. SYN has MSS 1460 and no other option. The length of all headers.
 */
function emitSegment(bytes: Uint8Array, { port, sequence, acknowledgment, syn, length }: Segment): number {
  const headerLength = syn ? 24 : 20;
  const view = emitIpHeader(bytes, 6, headerLength + length);
  view.setUint8(0, NEEDS_CSUM);
  view.setUint8(1, length > MSS ? GSO_TCPV4 : 0);
  view.setUint16(2, 14 + 20 + headerLength, true);
  view.setUint16(4, length > MSS ? MSS : 0, true);
  view.setUint16(6, 34, true);
  view.setUint16(8, 16, true);
  const tcp = IP + 20;
  view.setUint16(tcp, 80);
  view.setUint16(tcp + 2, port);
  view.setUint32(tcp + 4, sequence);
  view.setUint32(tcp + 8, acknowledgment);
  view.setUint16(tcp + 12, (headerLength << 10) | (syn ? 0x12 : 0x18));
  view.setUint16(tcp + 14, 65535);
  if (syn) view.setUint32(tcp + 20, (2 << 24) | (4 << 16) | MSS);
  return tcp + headerLength;
}

runScenario({
  arp() {
    using device = tap();
    using socket = udp(0, GATEWAY);
    send(socket.number, Uint8Array.of(1), 1);
    const request = frame(device, 0x0806);
    return { vnet: request.subarray(0, VNET_BYTES).toHex(), arp: request.subarray(VNET_BYTES).toHex() };
  },

  fromSocket() {
    using device = tap(addNeighbour(TAP_INDEX, GATEWAY, GATEWAY_MAC));
    using socket = udp(4444, GATEWAY);
    const before = device.read() === undefined;
    const payload = new Uint8Array(60_000).fill(7);
    send(socket.number, payload, payload.length);
    const bytes = frame(device, 0x0800);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return {
      before,
      length: bytes.length,
      vnet: bytes.subarray(0, VNET_BYTES).toHex(),
      ethernet: bytes.subarray(VNET_BYTES, VNET_BYTES + 14).toHex(),
      ports: [view.getUint16(VNET_BYTES + 34), view.getUint16(VNET_BYTES + 36)],
      payload: bytes.subarray(HEADERS).every((byte) => byte === 7),
      after: device.read() === undefined,
      framesRead: device.counters.framesRead,
    };
  },

  toSocket() {
    using device = tap(addNeighbour(TAP_INDEX, GATEWAY, GATEWAY_MAC));
    using socket = udp(4444);
    setOption(socket.number, "SO_RCVBUF", 1 << 20);
    const pieces = ["one ", "two ", "three"].map((text) => new TextEncoder().encode(text));
    emitHeaders(device.header, 4444, 13);
    const written = device.write(HEADERS, pieces);
    emitHeaders(device.header, 4444, 0);
    const empty = device.write(HEADERS, []);
    emitHeaders(device.header, 4444, 60_000);
    const large = device.write(HEADERS, [new Uint8Array(30_000), new Uint8Array(30_000)]);
    const into = new Uint8Array(65536);
    const from = new Sockaddr();
    const first = receiveFrom(socket.number, into, into.length, from);
    const text = new TextDecoder().decode(into.subarray(0, first));
    const rest = [0, 1].map(() => receiveFrom(socket.number, into, into.length, from));
    return { written, empty, large, text, rest, from: from.get().port, port: localEndpoint(socket.number).port };
  },

  segments() {
    using device = tap(addNeighbour(TAP_INDEX, GATEWAY, GATEWAY_MAC));
    using socket = openSocket(4, "stream");
    connect(socket.number, new Sockaddr({ address: GATEWAY, port: 80 }));
    const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset);
    const syn = view(frame(device, 0x0800));
    const port = syn.getUint16(IP + 20);
    const acknowledgment = syn.getUint32(IP + 24) + 1;
    device.write(emitSegment(device.header, { port, sequence: 100, acknowledgment, syn: true, length: 0 }), []);
    frame(device, 0x0800);
    const sent = send(socket.number, new Uint8Array(10 * MSS), 10 * MSS);
    const out = frame(device, 0x0800);
    const vnet = view(out);
    const payload = [new Uint8Array(15_000).fill(1), new Uint8Array(25_000).fill(2)];
    const headers = emitSegment(device.header, { port, sequence: 101, acknowledgment, syn: false, length: 40_000 });
    const written = device.write(headers, payload);
    const into = new Uint8Array(65536);
    const received = receive(socket.number, into, into.length);
    return {
      sent,
      flags: vnet.getUint8(0),
      gsoType: vnet.getUint8(1),
      gsoSize: vnet.getUint16(4, true),
      checksumAt: [vnet.getUint16(6, true), vnet.getUint16(8, true)],
      // How many the kernel puts into one depends on the round trip it has seen.
      several: out.length - IP - 40 > MSS,
      written,
      received,
      intact: into.subarray(0, 40_000).every((byte, i) => byte === (i < 15_000 ? 1 : 2)),
    };
  },

  drops() {
    using device = tap();
    const notAFrame = device.write(3, []);
    const tooMany = device.write(HEADERS, new Array(64).fill(Uint8Array.of(1)));
    tell(setLink(TAP_INDEX, { up: false }));
    emitHeaders(device.header, 4444, 0);
    const down = device.write(HEADERS, []);
    const failureBefore = device.failure;
    tell(deleteLink(TAP_INDEX));
    const gone = device.read() === undefined;
    return { notAFrame, tooMany, down, failureBefore, gone, failure: device.failure, counters: device.counters };
  },

  close() {
    const device = tap();
    const { fd } = device;
    device.close();
    device.close();
    try {
      return syscall("fcntl", "tap", fd, 1);
    } catch (error) {
      return String(error);
    }
  },
});
