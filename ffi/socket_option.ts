// Socket options as bytes, getsockopt(2): to look at sockets that others have made, and to make one like another.
import { rawSyscall, type SyscallArgument } from "./libc.ts";
import { PinnedBuffer } from "./pinned_buffer.ts";

/** [level, name]. */
export type SocketOption = readonly [level: number, name: number];

const MOST_BYTES = 64;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

export class OptionReader {
  readonly #buffer = new PinnedBuffer(MOST_BYTES + 4);
  readonly #view = new DataView(this.#buffer.bytes.buffer);

  /** What the option is, in a buffer that the next call fills again; `undefined` where the socket has none of that name. */
  bytes(fd: number, [level, name]: SocketOption, most = MOST_BYTES): Uint8Array | undefined {
    const { address, bytes } = this.#buffer;
    bytes.fill(0, 0, MOST_BYTES);
    this.#view.setUint32(MOST_BYTES, most, true);
    if (rawSyscall("getsockopt", fd, level, name, address, address + MOST_BYTES) !== 0) return undefined;
    return bytes.subarray(0, this.#view.getUint32(MOST_BYTES, true));
  }

  /** Of an int. */
  number(fd: number, option: SocketOption): number | undefined {
    return this.bytes(fd, option) && this.#view.getInt32(0, true);
  }

  /** Of 64 bits; SO_NETNS_COOKIE takes no longer buffer. */
  wide(fd: number, option: SocketOption): bigint | undefined {
    return this.bytes(fd, option, 8) && this.#view.getBigUint64(0, true);
  }
}

/** setsockopt(2): 0, or a negated errno. */
export function setOptionBytes(fd: number, [level, name]: SocketOption, value: Uint8Array): number {
  const argument: SyscallArgument = value;
  return rawSyscall("setsockopt", fd, level, name, argument, value.length);
}

/** Whether packets to the socket go through a filter of its owner's. */
export function isFiltered(fd: number): boolean {
  const length = Uint32Array.of(0);
  return rawSyscall("getsockopt", fd, SOL_SOCKET, SO_ATTACH_FILTER, 0, length) !== 0 || length[0] !== 0;
}
