// DHCP for programs that ask for what is set up already: a client inside gets the one address that there is. RFC 2131 section 4.3.
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT, type DhcpReply, emitDhcpv4, parseDhcpv4 } from "../wire/dhcpv4.ts";
import { equalAddresses, type IpAddress } from "../wire/ip_address.ts";
import { IP_PROTOCOL, type IpPacket } from "../wire/ip_packet.ts";
import { parseUdp } from "../wire/udp.ts";
import type { FrameWriter } from "./frame_writer.ts";
import type { FamilyAddresses } from "./network_addresses.ts";

/** Nobody else can have it. In seconds. */
const LEASE_TIME = 86_400;

export class DhcpService {
  readonly #writer: FrameWriter;
  readonly #addresses: FamilyAddresses;
  readonly #mtu: number;

  constructor(writer: FrameWriter, addresses: FamilyAddresses, mtu: number) {
    this.#writer = writer;
    this.#addresses = addresses;
    this.#mtu = mtu;
  }

  /** From 0.0.0.0 too: a client without an address has no other. True where it was for this. */
  packet(packet: IpPacket): boolean {
    if (packet.protocol !== IP_PROTOCOL.UDP || packet.fragment !== undefined) return false;
    const datagram = parseUdp(packet.payload);
    if (datagram?.destinationPort !== DHCP_SERVER_PORT) return false;
    const request = parseDhcpv4(datagram.payload);
    const reply = request && this.#replyTo(request.kind, request.requestedAddress ?? request.clientAddress);
    if (reply) {
      const route = { source: this.#addresses.gateway, destination: this.#addresses.sandbox };
      const ports = { sourcePort: DHCP_SERVER_PORT, destinationPort: DHCP_CLIENT_PORT };
      this.#writer.udp(route, ports, emitDhcpv4(reply, request));
    }
    return true;
  }

  #replyTo(kind: string, wanted: IpAddress): DhcpReply | undefined {
    const { sandbox, gateway, nameserver, prefix } = this.#addresses;
    const network = {
      serverIdentifier: gateway,
      prefixLength: prefix.length,
      routers: [gateway],
      domainNameServers: [nameserver],
      mtu: this.#mtu,
    };
    const lease = { yourAddress: sandbox, leaseTime: LEASE_TIME };
    if (kind === "discover") return { kind: "offer", ...network, ...lease };
    if (kind === "inform") return { kind: "ack", ...network };
    if (kind !== "request") return undefined;
    return equalAddresses(wanted, sandbox)
      ? { kind: "ack", ...network, ...lease }
      : { kind: "nak", serverIdentifier: gateway };
  }
}
