// What a command has set on its socket before it connects, so that the socket which takes its place has it too: tcp(7), ip(7), ipv6(7), socket(7).
import { isFiltered, type OptionReader, type SocketOption, setOptionBytes } from "../../../ffi/socket_option.ts";

const [SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP, IPPROTO_IPV6] = [1, 0, 6, 41] as const;

function all(level: number, names: readonly number[]): readonly SocketOption[] {
  return names.map((name) => [level, name]);
}

const COMMON: readonly SocketOption[] = [
  // SO_KEEPALIVE, SO_OOBINLINE, SO_PRIORITY, SO_LINGER, SO_RCVLOWAT, SO_RCVTIMEO, SO_SNDTIMEO, SO_ZEROCOPY
  ...all(SOL_SOCKET, [9, 10, 12, 13, 18, 20, 21, 60]),
  // TCP_MAXSEG, CORK, KEEPIDLE, KEEPINTVL, KEEPCNT, SYNCNT, LINGER2, WINDOW_CLAMP, CONGESTION, USER_TIMEOUT, NOTSENT_LOWAT, NODELAY
  ...all(IPPROTO_TCP, [2, 3, 4, 5, 6, 7, 8, 10, 13, 18, 25, 1]),
];
const OF_FAMILY: Readonly<Record<4 | 6, readonly SocketOption[]>> = {
  // IP_TOS, IP_TTL, IP_MTU_DISCOVER, IP_RECVERR
  4: all(IPPROTO_IP, [1, 2, 10, 11]),
  // IPV6_UNICAST_HOPS, MTU_DISCOVER, RECVERR, V6ONLY, TCLASS; and IPv4's, for mapped addresses
  6: [...all(IPPROTO_IPV6, [16, 23, 25, 26, 67]), ...all(IPPROTO_IP, [1, 2])],
};
/** SO_MARK, SO_BINDTOIFINDEX, SO_TIMESTAMPING; TCP_FASTOPEN_CONNECT: with one of these set, a socket stays what it is. */
const NOT_CARRIED: readonly SocketOption[] = [...all(SOL_SOCKET, [36, 37, 62]), ...all(IPPROTO_TCP, [30])];

/** Buffers that were asked for, whose sizes getsockopt gives doubled. SO_BUF_LOCK tells them from those that the kernel adapts. */
const SO_BUF_LOCK: SocketOption = [SOL_SOCKET, 72];
const BUFFERS: readonly { readonly lock: number; readonly option: SocketOption }[] = [
  { lock: 1, option: [SOL_SOCKET, 7] },
  { lock: 2, option: [SOL_SOCKET, 8] },
];

/** Copies options from sockets to others. What a socket of the host's begins with is looked up once. */
export class CarriedOptions {
  readonly #reader: OptionReader;
  readonly #fresh = new Map<SocketOption, Buffer>();

  constructor(reader: OptionReader) {
    this.#reader = reader;
  }

  /** Makes `to`, which is fresh, like `from`; false where it cannot be. */
  carry(from: number, to: number, family: 4 | 6): boolean {
    if (isFiltered(from) || NOT_CARRIED.some((option) => (this.#reader.number(from, option) ?? 0) !== 0)) return false;
    const isCarried = (option: SocketOption): boolean => this.#carry(from, to, option);
    return COMMON.every(isCarried) && OF_FAMILY[family].every(isCarried) && this.#carryBuffers(from, to);
  }

  #carry(from: number, to: number, option: SocketOption): boolean {
    const fresh = this.#freshOf(to, option);
    const wanted = this.#reader.bytes(from, option);
    if (wanted === undefined || fresh.equals(wanted)) return true;
    return setOptionBytes(to, option, wanted.slice()) === 0;
  }

  #freshOf(socket: number, option: SocketOption): Buffer {
    const known = this.#fresh.get(option);
    if (known !== undefined) return known;
    const value = Buffer.from(this.#reader.bytes(socket, option) ?? []);
    this.#fresh.set(option, value);
    return value;
  }

  #carryBuffers(from: number, to: number): boolean {
    const locks = this.#reader.number(from, SO_BUF_LOCK) ?? 0;
    return BUFFERS.every(({ lock, option }) => {
      if ((locks & lock) === 0) return true;
      const half = Int32Array.of((this.#reader.number(from, option) ?? 0) >> 1);
      return setOptionBytes(to, option, new Uint8Array(half.buffer)) === 0;
    });
  }
}
