// DNS over TCP: two bytes of length in front of each message (RFC 1035, section 4.2.2). A client may send several queries
// without waiting (RFC 7766, section 6.2.1.1), and a length's two bytes in two segments.

const LENGTH_BYTES = 2;

export function frameMessage(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(LENGTH_BYTES + message.length);
  framed[0] = message.length >> 8;
  framed[1] = message.length & 0xff;
  framed.set(message, LENGTH_BYTES);
  return framed;
}

/** Puts a stream's pieces together; holds at most one message that is not whole yet. */
export class MessageReader {
  #held = new Uint8Array(512);
  #length = 0;

  /** The messages that are whole now, each its own copy. */
  push(bytes: Uint8Array): readonly Uint8Array[] {
    this.#keep(bytes);
    const messages: Uint8Array[] = [];
    let at = 0;
    for (;;) {
      const end = this.#endOfMessage(at);
      if (end === undefined || end > this.#length) break;
      messages.push(this.#held.slice(at + LENGTH_BYTES, end));
      at = end;
    }
    this.#held.copyWithin(0, at, this.#length);
    this.#length -= at;
    return messages;
  }

  #endOfMessage(at: number): number | undefined {
    const [high, low] = this.#held.subarray(at, Math.min(at + LENGTH_BYTES, this.#length));
    return high === undefined || low === undefined ? undefined : at + LENGTH_BYTES + ((high << 8) | low);
  }

  #keep(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#held.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#held.length));
      larger.set(this.#held.subarray(0, this.#length));
      this.#held = larger;
    }
    this.#held.set(bytes, this.#length);
    this.#length = length;
  }
}
