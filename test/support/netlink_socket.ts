// A rtnetlink socket for tests, which send what src/netlink/ makes to the kernel of their namespace.
import { ERRNO } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/fd.ts";
import { rawSyscall, syscall } from "../../ffi/libc.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { NETLINK_CAP_ACK, NETLINK_EXT_ACK, SOL_NETLINK } from "../../src/netlink/acknowledgement.ts";

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 0o2000003;
const MSG_DONTWAIT = 0x40;

export class NetlinkSocket implements Disposable {
  readonly #fd = new Fd(syscall("socket", "netlink", AF_NETLINK, SOCK_RAW_CLOEXEC));

  /** @param words whether the kernel is to say why in words. */
  constructor(words = false) {
    if (!words) return;
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK])
      syscall("setsockopt", "netlink", this.#fd.number, SOL_NETLINK, option, Int32Array.of(1), 4);
  }

  get fd(): number {
    return this.#fd.number;
  }

  /** Sends, and gives every answer that is then there, each as one recvfrom(2) gave it. */
  exchange(bytes: Uint8Array): readonly Uint8Array[] {
    syscall("sendto", "netlink", this.fd, bytes, bytes.length);
    const answers: Uint8Array[] = [];
    for (;;) {
      const into = new Uint8Array(32768);
      const length = rawSyscall("recvfrom", this.fd, into, into.length, MSG_DONTWAIT);
      if (length === -ERRNO.EAGAIN) return answers;
      if (length < 0) throw new SyscallError("recvfrom", "netlink", -length);
      answers.push(into.subarray(0, length));
    }
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}
