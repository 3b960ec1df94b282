// struct sockaddr_in and sockaddr_in6, ip(7) and ipv6(7), in memory that is made once and filled again for each call.
import { PinnedBuffer } from "./pinned_buffer.ts";

/** An IP address: 4 or 16 bytes in network order. */
export type Address = { readonly family: 4 | 6; readonly bytes: Uint8Array };
export type Endpoint = { readonly address: Address; readonly port: number };

export const AF_INET = 2;
export const AF_INET6 = 10;
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;
const PORT = 2;
const IPV4_ADDRESS = 4;
const IPV6_FLOW_INFO = 4;
const IPV6_ADDRESS = 8;
const IPV6_SCOPE_ID = 24;
/** A socklen_t behind the largest of the two. */
const LENGTH = 28;

export class Sockaddr {
  readonly #buffer = new PinnedBuffer(LENGTH + 4);
  readonly #view = new DataView(this.#buffer.bytes.buffer);

  constructor(endpoint?: Endpoint) {
    if (endpoint) this.set(endpoint.address, endpoint.port);
    else this.makeRoom();
  }

  /** Of the structure. */
  get address(): number {
    return this.#buffer.address;
  }

  /** Of the structure's length, for calls that write it. */
  get lengthAddress(): number {
    return this.#buffer.address + LENGTH;
  }

  get length(): number {
    return this.#view.getUint32(LENGTH, true);
  }

  /** Before a call that writes an address here: all the room there is. */
  makeRoom(): this {
    this.#view.setUint32(LENGTH, SOCKADDR_IN6_BYTES, true);
    return this;
  }

  set({ family, bytes }: Address, port: number): this {
    this.#view.setUint16(0, family === 4 ? AF_INET : AF_INET6, true);
    this.#view.setUint16(PORT, port);
    this.#view.setUint32(LENGTH, family === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES, true);
    if (family === 6) {
      this.#view.setUint32(IPV6_FLOW_INFO, 0);
      this.#view.setUint32(IPV6_SCOPE_ID, 0);
    } else this.#buffer.bytes.fill(0, IPV4_ADDRESS + 4, SOCKADDR_IN_BYTES);
    this.#buffer.bytes.set(bytes, family === 4 ? IPV4_ADDRESS : IPV6_ADDRESS);
    return this;
  }

  /** A copy of what is here. Throws where it is of another family. */
  get(): Endpoint {
    const port = this.#view.getUint16(PORT);
    const family = this.#view.getUint16(0, true);
    if (family !== AF_INET && family !== AF_INET6) throw new RangeError(`a socket address of family ${family}`);
    const at = family === AF_INET ? IPV4_ADDRESS : IPV6_ADDRESS;
    const bytes = this.#buffer.bytes.slice(at, at + (family === AF_INET ? 4 : 16));
    return { address: { family: family === AF_INET ? 4 : 6, bytes }, port };
  }
}
