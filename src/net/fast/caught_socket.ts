// The socket that a caught call is about, by a descriptor of our own: whatever the command does with its descriptors meanwhile, this one stays
// what was looked at.
import { foreignDescriptor } from "../../../ffi/foreign_process.ts";
import { rawSyscall } from "../../../ffi/libc.ts";
import { EMPTY_NAME, inspect } from "../../../ffi/node_at.ts";
import type { OptionReader, SocketOption } from "../../../ffi/socket_option.ts";
import { AF_INET, AF_INET6 } from "./connect_target.ts";

const SO_TYPE: SocketOption = [1, 3];
const SO_SNDTIMEO: SocketOption = [1, 21];
const SO_PROTOCOL: SocketOption = [1, 38];
const SO_DOMAIN: SocketOption = [1, 39];
const SO_COOKIE: SocketOption = [1, 57];
const SO_NETNS_COOKIE: SocketOption = [1, 71];
const [SOCK_STREAM, IPPROTO_TCP] = [1, 6] as const;
const [F_GETFL, F_SETFL, O_NONBLOCK, O_ASYNC] = [3, 4, 0o4000, 0o20000] as const;
const SIOCGSKNS = 0x894c;

export class CaughtSocket implements Disposable {
  readonly #reader: OptionReader;
  readonly fd: number;

  private constructor(reader: OptionReader, fd: number) {
    this.#reader = reader;
    this.fd = fd;
  }

  /** Of descriptor `number` of thread `pid`; or a negated errno. */
  static open(reader: OptionReader, pid: number, number: number): CaughtSocket | number {
    const fd = foreignDescriptor(pid, number);
    return fd < 0 ? fd : new CaughtSocket(reader, fd);
  }

  get isTcp(): boolean {
    return this.#reader.number(this.fd, SO_PROTOCOL) === IPPROTO_TCP;
  }

  /**
   * Of a stream of IPv4 or IPv6, the family: those that Landlock is asked about. Today they are those of TCP alone (sk_is_tcp); the first kernels
   * that had network rules took others, as MPTCP, for it.
   */
  get streamFamily(): 4 | 6 | undefined {
    if (this.#reader.number(this.fd, SO_TYPE) !== SOCK_STREAM) return undefined;
    const domain = this.#reader.number(this.fd, SO_DOMAIN);
    return domain === AF_INET ? 4 : domain === AF_INET6 ? 6 : undefined;
  }

  /** Of the socket: never two in one running system. */
  get cookie(): bigint {
    return this.#reader.wide(this.fd, SO_COOKIE) ?? 0n;
  }

  /** Of its network namespace, likewise. */
  get networkCookie(): bigint {
    return this.#reader.wide(this.fd, SO_NETNS_COOKIE) ?? 0n;
  }

  /** Its network namespace's file, as {@link inspect} tells one; `undefined` where we may not know. */
  get networkIdentity(): string | undefined {
    return namespaceIdentity(rawSyscall("ioctl", this.fd, SIOCGSKNS));
  }

  /** How many milliseconds its connect(2) may wait: SO_SNDTIMEO, struct timeval; without, as long as the kernel tries. */
  get patience(): number {
    const timeval = this.#reader.bytes(this.fd, SO_SNDTIMEO);
    if (timeval === undefined) return Number.POSITIVE_INFINITY;
    const words = new DataView(timeval.buffer, timeval.byteOffset);
    const milliseconds = Number(words.getBigInt64(0, true)) * 1000 + Number(words.getBigInt64(8, true)) / 1000;
    return milliseconds === 0 ? Number.POSITIVE_INFINITY : milliseconds;
  }

  get isNonBlocking(): boolean {
    return (this.flags & O_NONBLOCK) !== 0;
  }

  get isAsynchronous(): boolean {
    return (this.flags & O_ASYNC) !== 0;
  }

  /** fcntl(2), F_GETFL. */
  get flags(): number {
    return rawSyscall("fcntl", this.fd, F_GETFL);
  }

  /**
   * connect(2) that does not wait: the flag that says so is of the open file, which the command has too, so it is set for as long as the call
   * takes. A command that takes it away in that moment makes us wait, for its own connection.
   */
  connect(address: number, length: number): number {
    const { flags } = this;
    if (flags & O_NONBLOCK) return rawSyscall("connect", this.fd, address, length);
    rawSyscall("fcntl", this.fd, F_SETFL, flags | O_NONBLOCK);
    const result = rawSyscall("connect", this.fd, address, length);
    rawSyscall("fcntl", this.fd, F_SETFL, flags);
    return result;
  }

  [Symbol.dispose](): void {
    rawSyscall("close", this.fd);
  }
}

/** Closes the descriptor, which may be a negated errno. */
export function namespaceIdentity(fd: number): string | undefined {
  if (fd < 0) return undefined;
  const identity = inspect(fd, EMPTY_NAME)?.identity;
  rawSyscall("close", fd);
  return identity;
}
