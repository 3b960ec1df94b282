// ICMP for IPv4: RFC 792; the next-hop MTU of "fragmentation needed": RFC 1191 section 4.
import { complement, isIntact, sum } from "./checksum.ts";
import { get16, put16 } from "./network_order.ts";

/** Of every message that we know. */
export const ICMPV4_HEADER_LENGTH = 8;

const TYPE = 0;
const CODE = 1;
const CHECKSUM = 2;
const IDENTIFIER = 4;
const SEQUENCE_NUMBER = 6;
const NEXT_HOP_MTU = 6;

const ECHO_REPLY = 0;
const DESTINATION_UNREACHABLE = 3;
const ECHO_REQUEST = 8;
const TIME_EXCEEDED = 11;

/** RFC 792; RFC 1812 section 5.2.7.1 for the prohibited ones. */
export const ICMPV4_UNREACHABLE = {
  NET: 0,
  HOST: 1,
  PROTOCOL: 2,
  PORT: 3,
  FRAGMENTATION_NEEDED: 4,
  NET_PROHIBITED: 9,
  HOST_PROHIBITED: 10,
  ADMINISTRATIVELY_PROHIBITED: 13,
} as const;

export const ICMPV4_TIME_EXCEEDED = { IN_TRANSIT: 0, REASSEMBLY: 1 } as const;

export type Icmpv4Message =
  | {
      readonly kind: "echo-request" | "echo-reply";
      readonly identifier: number;
      readonly sequenceNumber: number;
      /** A view. */
      readonly data: Uint8Array;
    }
  | {
      readonly kind: "destination-unreachable";
      readonly code: number;
      /** Of meaning with FRAGMENTATION_NEEDED; 0 where a router doesn't tell it. */
      readonly nextHopMtu: number;
      /** The start of the packet that could not be delivered, a view: see parseQuotedIpv4. */
      readonly invokingPacket: Uint8Array;
    }
  | {
      readonly kind: "time-exceeded";
      readonly code: number;
      readonly invokingPacket: Uint8Array;
    };

/** RFC 1812 section 4.3.2.3: an error is at most 576 bytes, IP header included. */
export const ICMPV4_MOST_INVOKING = 576 - 20 - ICMPV4_HEADER_LENGTH;

/** Messages of other types are `undefined` too. "trust" is for frames whose sum offload left undone. */
export function parseIcmpv4(bytes: Uint8Array, checksum: "verify" | "trust" = "verify"): Icmpv4Message | undefined {
  if (bytes.length < ICMPV4_HEADER_LENGTH) return undefined;
  if (checksum === "verify" && !isIntact(bytes)) return undefined;
  const code = bytes[CODE] ?? 0;
  const rest = bytes.subarray(ICMPV4_HEADER_LENGTH);
  switch (bytes[TYPE]) {
    case ECHO_REQUEST:
      return echoOf("echo-request", bytes, rest);
    case ECHO_REPLY:
      return echoOf("echo-reply", bytes, rest);
    case DESTINATION_UNREACHABLE:
      return { kind: "destination-unreachable", code, nextHopMtu: get16(bytes, NEXT_HOP_MTU), invokingPacket: rest };
    case TIME_EXCEEDED:
      return { kind: "time-exceeded", code, invokingPacket: rest };
    default:
      return undefined;
  }
}

export function icmpv4Length(message: Icmpv4Message): number {
  return ICMPV4_HEADER_LENGTH + bodyOf(message).length;
}

/** The whole message with its checksum; bytes written. */
export function emitIcmpv4(message: Icmpv4Message, into: Uint8Array, offset: number): number {
  const length = icmpv4Length(message);
  into.fill(0, offset, offset + ICMPV4_HEADER_LENGTH);
  into[offset + TYPE] = typeOf(message);
  putFields(message, into, offset);
  into.set(bodyOf(message), offset + ICMPV4_HEADER_LENGTH);
  put16(into, offset + CHECKSUM, complement(sum(into.subarray(offset, offset + length))));
  return length;
}

function echoOf(kind: "echo-request" | "echo-reply", bytes: Uint8Array, data: Uint8Array): Icmpv4Message {
  return { kind, identifier: get16(bytes, IDENTIFIER), sequenceNumber: get16(bytes, SEQUENCE_NUMBER), data };
}

function typeOf(message: Icmpv4Message): number {
  switch (message.kind) {
    case "echo-request":
      return ECHO_REQUEST;
    case "echo-reply":
      return ECHO_REPLY;
    case "destination-unreachable":
      return DESTINATION_UNREACHABLE;
    case "time-exceeded":
      return TIME_EXCEEDED;
  }
}

function putFields(message: Icmpv4Message, into: Uint8Array, offset: number): void {
  switch (message.kind) {
    case "echo-request":
    case "echo-reply":
      put16(into, offset + IDENTIFIER, message.identifier);
      return put16(into, offset + SEQUENCE_NUMBER, message.sequenceNumber);
    case "destination-unreachable":
      into[offset + CODE] = message.code;
      return put16(into, offset + NEXT_HOP_MTU, message.nextHopMtu);
    case "time-exceeded":
      into[offset + CODE] = message.code;
  }
}

function bodyOf(message: Icmpv4Message): Uint8Array {
  return "data" in message ? message.data : message.invokingPacket;
}
