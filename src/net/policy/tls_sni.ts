// The server_name of a TLS ClientHello: RFC 8446, sections 4.1.2 and 5.1; RFC 6066, section 3. A ClientHello may be
// spread over records as its sender likes, one byte in each, and the records over segments. With Encrypted Client Hello
// the name is that of the outer hello, the one which is on the wire.
import { domainName } from "./domain_name.ts";
import { FIRST_BYTES_LIMIT, MALFORMED, type NameReading, OTHER_PROTOCOL } from "./name_reading.ts";

const RECORD_HEADER = 5;
const HANDSHAKE_HEADER = 4;
const LONGEST_RECORD = 1 << 14;
const CONTENT = { firstKnown: 20, handshake: 22, lastKnown: 23 } as const;
const CLIENT_HELLO = 1;
const EXTENSION_SERVER_NAME = 0;
const NAME_TYPE_HOST = 0;

/** `bytes`: all that the client has sent so far. */
export function readServerName(bytes: Uint8Array): NameReading {
  const hello = gatherHello(bytes);
  return hello instanceof Uint8Array ? readHello(hello) : hello;
}

/** The handshake message's body, out of the records around it. */
function gatherHello(bytes: Uint8Array): Uint8Array | NameReading {
  const message = new Uint8Array(Math.min(bytes.length, FIRST_BYTES_LIMIT));
  let filled = 0;
  for (let at = 0; ; ) {
    const record = recordAt(bytes, at);
    if (typeof record !== "number") return withRest(record, bytes, message.subarray(0, filled));
    const fragment = bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + record);
    message.set(fragment.subarray(0, message.length - filled), filled);
    filled += fragment.length;
    const body = helloBody(message.subarray(0, filled));
    if (body) return body;
    at += RECORD_HEADER + record;
    if (at > bytes.length) return withRest(needMore(at), bytes, message.subarray(0, filled));
  }
}

/** What the message lacks comes in addition: not to be read again for each of its many small records. */
function withRest(reading: NameReading, bytes: Uint8Array, message: Uint8Array): NameReading {
  if (reading.kind !== "need-more") return reading;
  return needMore(Math.max(reading.length, bytes.length + endOfMessage(message) - message.length));
}

/** As far as can be told: the header has to be there. */
function endOfMessage(message: Uint8Array): number {
  const [, high = 0, middle = 0, low] = message;
  return HANDSHAKE_HEADER + (low === undefined ? 0 : (high << 16) | (middle << 8) | low);
}

/** The length of the record at `at`. */
function recordAt(bytes: Uint8Array, at: number): number | NameReading {
  const [type, major, , high, low] = bytes.subarray(at, at + RECORD_HEADER);
  if (type === undefined) return needMore(at + RECORD_HEADER);
  // An alert or a change of cipher before the hello is taken by some servers; it is TLS all the same, and nobody's first word.
  if (type < CONTENT.firstKnown || type > CONTENT.lastKnown) return at === 0 ? OTHER_PROTOCOL : MALFORMED;
  if (major !== undefined && major !== 3) return at === 0 ? OTHER_PROTOCOL : MALFORMED;
  if (low === undefined || high === undefined) return needMore(at + RECORD_HEADER);
  const length = (high << 8) | low;
  // Fragments of a handshake message must not be empty (RFC 8446, section 5.1).
  return type !== CONTENT.handshake || length === 0 || length > LONGEST_RECORD ? MALFORMED : length;
}

function needMore(length: number): NameReading {
  return length > FIRST_BYTES_LIMIT ? MALFORMED : { kind: "need-more", length };
}

function helloBody(message: Uint8Array): Uint8Array | NameReading | undefined {
  const [type] = message;
  if (type !== undefined && type !== CLIENT_HELLO) return MALFORMED;
  if (message.length < HANDSHAKE_HEADER) return undefined;
  const end = endOfMessage(message);
  if (end > FIRST_BYTES_LIMIT) return MALFORMED;
  return message.length < end ? undefined : message.subarray(HANDSHAKE_HEADER, end);
}

function readHello(body: Uint8Array): NameReading {
  const cursor = new Cursor(body);
  const start = cursor.take(2 + 32) && cursor.vector(1) && cursor.vector(2) && cursor.vector(1);
  if (!start) return MALFORMED;
  // Before TLS 1.3 the extensions could be left out altogether.
  if (cursor.isAtEnd) return { kind: "none" };
  const extensions = cursor.vector(2);
  return extensions && cursor.isAtEnd ? readExtensions(new Cursor(extensions)) : MALFORMED;
}

function readExtensions(cursor: Cursor): NameReading {
  let reading: NameReading = { kind: "none" };
  while (!cursor.isAtEnd) {
    const type = cursor.number(2);
    const data = cursor.vector(2);
    if (type === undefined || !data) return MALFORMED;
    if (type !== EXTENSION_SERVER_NAME) continue;
    // No extension twice (RFC 8446, section 4.2): which of the two would the server take?
    if (reading.kind !== "none") return MALFORMED;
    reading = readServerNames(new Cursor(data));
    if (reading.kind === "malformed") return reading;
  }
  return reading;
}

/** One name of type host_name, and no other type was ever defined. */
function readServerNames(extension: Cursor): NameReading {
  const list = extension.vector(2);
  if (!list || !extension.isAtEnd) return MALFORMED;
  const cursor = new Cursor(list);
  const type = cursor.number(1);
  const host = cursor.vector(2);
  if (type !== NAME_TYPE_HOST || !host || !cursor.isAtEnd) return MALFORMED;
  const name = domainName(new TextDecoder("latin1").decode(host));
  return name === undefined ? MALFORMED : { kind: "names", names: [name] };
}

/** TLS's presentation language (RFC 8446, section 3): numbers, and vectors with their length in front. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Uint8Array | undefined {
    const end = this.#at + length;
    if (end > this.#bytes.length) return undefined;
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  number(width: number): number | undefined {
    return this.take(width)?.reduce((value, byte) => value * 256 + byte, 0);
  }

  vector(width: number): Uint8Array | undefined {
    const length = this.number(width);
    return length === undefined ? undefined : this.take(length);
  }
}
