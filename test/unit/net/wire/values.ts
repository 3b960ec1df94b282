// Addresses as text, and packets of layers taken apart, for tests that know they're right.
import { parseEthernet } from "../../../../src/net/wire/ethernet.ts";
import { type IpAddress, type IpPrefix, parseIpAddress, parsePrefix } from "../../../../src/net/wire/ip_address.ts";
import type { IpPacket } from "../../../../src/net/wire/ip_packet.ts";
import { type Ipv4Packet, parseIpv4 } from "../../../../src/net/wire/ipv4.ts";
import { type Ipv6Packet, parseIpv6 } from "../../../../src/net/wire/ipv6.ts";
import { captured, type FrameName } from "./captured.ts";

export function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("the parser refused what it should have read");
  return value;
}

export function address(text: string): IpAddress {
  return present(parseIpAddress(text));
}

export function prefix(text: string): IpPrefix {
  return present(parsePrefix(text));
}

export function ipv4In(name: FrameName): Ipv4Packet {
  return present(parseIpv4(present(parseEthernet(captured(name))).payload));
}

export function ipv6In(name: FrameName): Ipv6Packet {
  return present(parseIpv6(present(parseEthernet(captured(name))).payload));
}

/** The pseudo-header's part of a packet, without its other fields. */
export function pseudoOf({ source, destination }: IpPacket): Pick<IpPacket, "source" | "destination"> {
  return { source, destination };
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
