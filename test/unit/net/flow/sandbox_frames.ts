// Ethernet frames as a sandbox sends them, put together from their layers.
import { ETHER_TYPE, emitEthernet } from "../../../../src/net/wire/ethernet.ts";
import { emitIp } from "../../../../src/net/wire/ip.ts";
import type { Fragment } from "../../../../src/net/wire/ip_packet.ts";
import { emitTcp, TCP_FLAG, type TcpHeader } from "../../../../src/net/wire/tcp.ts";
import { emitUdp } from "../../../../src/net/wire/udp.ts";
import { ipAddress } from "./stack_bench.ts";

export const OURS = 0x52550a000202;
export const THEIRS = 0x020000000001;

export function ethernet(etherType: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(14 + payload.length);
  emitEthernet({ destination: OURS, source: THEIRS, etherType }, frame, 0);
  frame.set(payload, 14);
  return frame;
}

export type PacketDetails = { readonly hopLimit?: number; readonly fragment?: Fragment };

export function packet(
  source: string,
  destination: string,
  protocol: number,
  payload: Uint8Array,
  { hopLimit = 64, fragment }: PacketDetails = {},
): Uint8Array {
  const header = { source: ipAddress(source), destination: ipAddress(destination), protocol, hopLimit, fragment };
  const bytes = new Uint8Array(60 + payload.length);
  const length = emitIp(header, payload.length, bytes, 0);
  bytes.set(payload, length);
  const type = header.source.family === 4 ? ETHER_TYPE.IPV4 : ETHER_TYPE.IPV6;
  return ethernet(type, bytes.subarray(0, length + payload.length));
}

/** A SYN from port 4000 to port 80, but for what `header` says. */
export function tcp(header: Partial<TcpHeader>, payload = new Uint8Array()): Uint8Array {
  const bytes = new Uint8Array(60 + payload.length);
  const full = {
    sourcePort: 4000,
    destinationPort: 80,
    sequenceNumber: 100,
    acknowledgmentNumber: 0,
    flags: TCP_FLAG.SYN,
  };
  const length = emitTcp({ ...full, window: 1000, options: {}, ...header }, bytes, 0);
  bytes.set(payload, length);
  return bytes.subarray(0, length + payload.length);
}

/** From port 4000; without a checksum, which offload leaves out. */
export function udp(destinationPort: number, payload: Uint8Array, sourcePort = 4000): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  emitUdp({ sourcePort, destinationPort }, payload.length, bytes, 0);
  bytes.set(payload, 8);
  return bytes;
}
