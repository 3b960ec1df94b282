// ICMP for IPv6: RFC 4443. Its neighbour discovery is ndp.ts.
import { complement, isIntact, type PseudoHeader, pseudoHeaderSum, sum } from "./checksum.ts";
import { IP_PROTOCOL } from "./ip_packet.ts";
import { get16, get32, put16, put32 } from "./network_order.ts";

/** Of every message that we know. */
export const ICMPV6_HEADER_LENGTH = 8;

const TYPE = 0;
const CODE = 1;
const CHECKSUM = 2;
const IDENTIFIER = 4;
const SEQUENCE_NUMBER = 6;
const MTU = 4;

const DESTINATION_UNREACHABLE = 1;
const PACKET_TOO_BIG = 2;
const TIME_EXCEEDED = 3;
const ECHO_REQUEST = 128;
const ECHO_REPLY = 129;

/** RFC 4443 section 3.1. */
export const ICMPV6_UNREACHABLE = { NO_ROUTE: 0, ADMINISTRATIVELY_PROHIBITED: 1, ADDRESS: 3, PORT: 4 } as const;

export const ICMPV6_TIME_EXCEEDED = { IN_TRANSIT: 0, REASSEMBLY: 1 } as const;

export type Icmpv6Message =
  | {
      readonly kind: "echo-request" | "echo-reply";
      readonly identifier: number;
      readonly sequenceNumber: number;
      /** A view. */
      readonly data: Uint8Array;
    }
  | {
      readonly kind: "destination-unreachable" | "time-exceeded";
      readonly code: number;
      /** The start of the packet that could not be delivered, a view: see parseQuotedIpv6. */
      readonly invokingPacket: Uint8Array;
    }
  | {
      readonly kind: "packet-too-big";
      readonly mtu: number;
      readonly invokingPacket: Uint8Array;
    };

/** RFC 4443 section 2.4 (c): an error is at most 1280 bytes, IPv6 header included. */
export const ICMPV6_MOST_INVOKING = 1280 - 40 - ICMPV6_HEADER_LENGTH;

/** Messages of other types are `undefined` too. With `pseudo` the checksum is verified. */
export function parseIcmpv6(bytes: Uint8Array, pseudo?: PseudoHeader): Icmpv6Message | undefined {
  if (bytes.length < ICMPV6_HEADER_LENGTH) return undefined;
  if (pseudo !== undefined && !isIcmpv6Intact(bytes, pseudo)) return undefined;
  const code = bytes[CODE] ?? 0;
  const rest = bytes.subarray(ICMPV6_HEADER_LENGTH);
  switch (bytes[TYPE]) {
    case ECHO_REQUEST:
      return echoOf("echo-request", bytes, rest);
    case ECHO_REPLY:
      return echoOf("echo-reply", bytes, rest);
    case DESTINATION_UNREACHABLE:
      return { kind: "destination-unreachable", code, invokingPacket: rest };
    case TIME_EXCEEDED:
      return { kind: "time-exceeded", code, invokingPacket: rest };
    case PACKET_TOO_BIG:
      return { kind: "packet-too-big", mtu: get32(bytes, MTU), invokingPacket: rest };
    default:
      return undefined;
  }
}

export function icmpv6Length(message: Icmpv6Message): number {
  return ICMPV6_HEADER_LENGTH + bodyOf(message).length;
}

/** The whole message with its checksum; bytes written. */
export function emitIcmpv6(message: Icmpv6Message, pseudo: PseudoHeader, into: Uint8Array, offset: number): number {
  const length = icmpv6Length(message);
  into.fill(0, offset, offset + ICMPV6_HEADER_LENGTH);
  into[offset + TYPE] = typeOf(message);
  putFields(message, into, offset);
  into.set(bodyOf(message), offset + ICMPV6_HEADER_LENGTH);
  putIcmpv6Checksum(into.subarray(offset, offset + length), pseudo);
  return length;
}

/** RFC 4443 section 2.3. */
export function isIcmpv6Intact(bytes: Uint8Array, pseudo: PseudoHeader): boolean {
  return isIntact(bytes, pseudoHeaderSum(pseudo, IP_PROTOCOL.ICMPV6, bytes.length));
}

/** Completes a message whose checksum is 0. */
export function putIcmpv6Checksum(bytes: Uint8Array, pseudo: PseudoHeader): void {
  put16(bytes, CHECKSUM, complement(sum(bytes, pseudoHeaderSum(pseudo, IP_PROTOCOL.ICMPV6, bytes.length))));
}

function echoOf(kind: "echo-request" | "echo-reply", bytes: Uint8Array, data: Uint8Array): Icmpv6Message {
  return { kind, identifier: get16(bytes, IDENTIFIER), sequenceNumber: get16(bytes, SEQUENCE_NUMBER), data };
}

function typeOf(message: Icmpv6Message): number {
  switch (message.kind) {
    case "echo-request":
      return ECHO_REQUEST;
    case "echo-reply":
      return ECHO_REPLY;
    case "destination-unreachable":
      return DESTINATION_UNREACHABLE;
    case "time-exceeded":
      return TIME_EXCEEDED;
    case "packet-too-big":
      return PACKET_TOO_BIG;
  }
}

function putFields(message: Icmpv6Message, into: Uint8Array, offset: number): void {
  switch (message.kind) {
    case "echo-request":
    case "echo-reply":
      put16(into, offset + IDENTIFIER, message.identifier);
      return put16(into, offset + SEQUENCE_NUMBER, message.sequenceNumber);
    case "packet-too-big":
      return put32(into, offset + MTU, message.mtu);
    case "destination-unreachable":
    case "time-exceeded":
      into[offset + CODE] = message.code;
  }
}

function bodyOf(message: Icmpv6Message): Uint8Array {
  return "data" in message ? message.data : message.invokingPacket;
}
