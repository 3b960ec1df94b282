// Which TCP connections of this network namespace end, as `ss --events` sees it: sock_diag(7), the group SKNLGRP_INET_TCP_DESTROY and its
// like for IPv6. No privilege is asked for. What has no port of interest is left out by the kernel, so little wakes us.
import { ERRNO } from "./errno.ts";
import { Fd } from "./fd.ts";
import { address, rawSyscall, syscall } from "./libc.ts";

const AF_NETLINK = 16;
const SOCK_RAW_NONBLOCK_CLOEXEC = 0o2004003;
const NETLINK_SOCK_DIAG = 4;
const SOCKADDR_NL_BYTES = 12;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const GROUPS = [1, 3] as const;
const MSG_DONTWAIT = 0x40;
/** struct nlmsghdr, then struct inet_diag_msg: family, state, timer, retransmissions, and the local port. */
const LOCAL_PORT = 16 + 4;
/** linux/bpf_common.h: load a half word, compare, return. */
const BPF = { LDH: 0x28, JEQ: 0x15, RET: 0x06 } as const;
const ALL = 0xffffffff;
const FILTER_BYTES = 8;
/** A jump of a filter goes over 255 instructions at most. */
const MOST_PORTS = 250;

export class ClosedConnections implements Disposable {
  readonly #socket: Fd;
  readonly #message = new Uint8Array(4096);

  /** Of those whose end on this host has one of `ports`. */
  constructor(ports: readonly number[]) {
    this.#socket = new Fd(syscall("socket", "sock_diag", AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    const filter = portFilter(ports);
    const program = new BigUint64Array([BigInt(filter.length / FILTER_BYTES), BigInt(address(filter))]);
    syscall("setsockopt", "SO_ATTACH_FILTER", this.fd, SOL_SOCKET, SO_ATTACH_FILTER, program, 16);
    // With a port id of its own: what has none (0, the kernel's) is passed over as the sender.
    const anyPort = new Uint8Array(SOCKADDR_NL_BYTES);
    anyPort[0] = AF_NETLINK;
    syscall("bind", "sock_diag", this.fd, anyPort, anyPort.length);
    for (const group of GROUPS)
      syscall("setsockopt", "sock_diag", this.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, Int32Array.of(group), 4);
  }

  get fd(): number {
    return this.#socket.number;
  }

  /** Has any ended since the last call? Also when there were too many to be told of each (ENOBUFS, netlink(7)). */
  any(): boolean {
    for (let seen = false; ; seen = true) {
      const result = rawSyscall("recvfrom", this.fd, this.#message, this.#message.length, MSG_DONTWAIT);
      if (result < 0 && result !== -ERRNO.ENOBUFS) return seen;
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** struct sock_filter each: code (16 bits), jump if true, jump if false, operand. */
function portFilter(ports: readonly number[]): Uint8Array {
  if (ports.length > MOST_PORTS) throw new RangeError(`more than ${MOST_PORTS} ports`);
  const bytes = new Uint8Array((ports.length + 3) * FILTER_BYTES);
  const view = new DataView(bytes.buffer);
  const put = (index: number, code: number, ifTrue: number, operand: number): void => {
    view.setUint16(index * FILTER_BYTES, code, true);
    view.setUint8(index * FILTER_BYTES + 2, ifTrue);
    view.setUint32(index * FILTER_BYTES + 4, operand, true);
  };
  put(0, BPF.LDH, 0, LOCAL_PORT);
  for (const [i, port] of ports.entries()) put(i + 1, BPF.JEQ, ports.length - i, port);
  put(ports.length + 1, BPF.RET, 0, 0);
  put(ports.length + 2, BPF.RET, 0, ALL);
  return bytes;
}
