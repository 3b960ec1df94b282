// The sandbox's echo requests (ping): the gateway and the name server answer by themselves, others by ping sockets of the host's.

import type { DatagramBatch } from "../../../ffi/datagram_batch.ts";
import { ERRNO } from "../../../ffi/errno.ts";
import { emitIcmpv4, icmpv4Length, parseIcmpv4 } from "../wire/icmpv4.ts";
import { emitIcmpv6, icmpv6Length, parseIcmpv6 } from "../wire/icmpv6.ts";
import { copyAddress } from "../wire/ip_address.ts";
import { IP_PROTOCOL, type IpPacket } from "../wire/ip_packet.ts";
import { type EchoEnds, type EchoEvents, EchoFlow } from "./echo_flow.ts";
import type { Egress } from "./egress.ts";
import type { FlowHost } from "./flow_host.ts";
import { FlowMap } from "./flow_map.ts";
import type { Route } from "./frame_writer.ts";
import { unreachableOf } from "./icmp_error.ts";
import { type Network, wayTo } from "./network_way.ts";
import { sendUnreachable } from "./unreachable.ts";

const MOST_FLOWS = 256;
/** Type, code, checksum, identifier, sequence number. */
const ECHO_HEADER = 8;

type Echo = { readonly identifier: number; readonly sequenceNumber: number; readonly data: Uint8Array };

export class EchoTable implements EchoEvents {
  readonly #host: FlowHost;
  readonly #network: Network;
  readonly #egress: Egress;
  readonly #batch: DatagramBatch;
  readonly #flows = new FlowMap<EchoFlow>();

  constructor(host: FlowHost, network: Network, egress: Egress, batch: DatagramBatch) {
    this.#egress = egress;
    this.#host = host;
    this.#network = network;
    this.#batch = batch;
  }

  get size(): number {
    return this.#flows.size;
  }

  packet(packet: IpPacket, now: number): void {
    const message = packet.source.family === 4 ? parseIcmpv4(packet.payload) : parseIcmpv6(packet.payload, packet);
    if (message?.kind !== "echo-request") return;
    const way = wayTo(this.#network, packet.destination);
    if (this.#network.addresses.isOurs(packet.destination)) return this.#answer(packet, message);
    const { identifier } = message;
    const known = this.#flows.get(packet.destination, 0, identifier);
    if (known) return known.request(message.sequenceNumber, message.data, now);
    if (this.#egress.decide(packet.destination, 0, "icmp", now).kind !== "allow")
      return this.#refuse(packet, ERRNO.EACCES);
    if (way === undefined) return;
    const flow = this.#open({ ...endsOf(packet), target: copyAddress(way), identifier }, packet, now);
    flow?.request(message.sequenceNumber, message.data, now);
  }

  replied({ ends }: EchoFlow, sequenceNumber: number, data: Uint8Array): void {
    const { identifier, remote, local } = ends;
    this.#reply({ source: remote, destination: local }, { identifier, sequenceNumber, data });
  }

  refused({ ends }: EchoFlow, errno: number): void {
    const header = new Uint8Array(ECHO_HEADER);
    header[0] = ends.local.family === 4 ? 8 : 128;
    header.set([ends.identifier >> 8, ends.identifier & 0xff], 4);
    const protocol = ends.local.family === 4 ? IP_PROTOCOL.ICMP : IP_PROTOCOL.ICMPV6;
    const route = { source: ends.local, destination: ends.remote };
    sendUnreachable(this.#host.writer, { route, protocol, payload: header }, unreachableOf(errno));
  }

  closed(flow: EchoFlow): void {
    this.#flows.delete(flow.ends.remote, 0, flow.ends.identifier, flow);
    this.#egress.ended(flow.ends.remote, 0, "icmp", flow, this.#host.now());
  }

  close(): void {
    for (const flow of [...this.#flows]) flow.close();
  }

  #open(ends: EchoEnds, packet: IpPacket, now: number): EchoFlow | undefined {
    if (this.#flows.size >= MOST_FLOWS) this.#first()?.close();
    const flow = EchoFlow.open(this.#host, ends, this, this.#batch, now);
    if (typeof flow !== "number") {
      this.#flows.set(ends.remote, 0, ends.identifier, flow);
      return flow;
    }
    this.#refuse(packet, flow);
    return undefined;
  }

  #first(): EchoFlow | undefined {
    const [first] = this.#flows;
    return first;
  }

  #refuse(packet: IpPacket, errno: number): void {
    const payload = packet.payload.subarray(0, ECHO_HEADER);
    sendUnreachable(this.#host.writer, { route: packet, protocol: packet.protocol, payload }, unreachableOf(errno));
  }

  #answer(packet: IpPacket, echo: Echo): void {
    this.#reply({ source: packet.destination, destination: packet.source }, echo);
  }

  #reply(route: Route, { identifier, sequenceNumber, data }: Echo): void {
    const message = { kind: "echo-reply", identifier, sequenceNumber, data } as const;
    if (route.source.family === 4) {
      const bytes = new Uint8Array(icmpv4Length(message));
      emitIcmpv4(message, bytes, 0);
      return this.#host.writer.ip(route, IP_PROTOCOL.ICMP, bytes);
    }
    const bytes = new Uint8Array(icmpv6Length(message));
    emitIcmpv6(message, route, bytes, 0);
    this.#host.writer.ip(route, IP_PROTOCOL.ICMPV6, bytes);
  }
}

function endsOf({ source, destination }: IpPacket) {
  return { local: copyAddress(source), remote: copyAddress(destination) };
}
