// A rtnetlink(7) socket of the network namespace in which it was opened, whoever has it now. The kernel asks for the capabilities of whoever
// opened it as well as of whoever sends by it.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import {
  type FailedRequest,
  firstFailure,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  SOL_NETLINK,
} from "../netlink/acknowledgement.ts";
import { batch } from "../netlink/batch.ts";
import type { Request } from "../netlink/message.ts";

const MSG_DONTWAIT = 0x40;
const ANSWERS_BYTES = 65_536;

export class NetlinkSocket implements Disposable {
  readonly #fd: Fd;

  /** Takes the descriptor over. */
  constructor(fd: Fd) {
    this.#fd = fd;
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK])
      rawSyscall("setsockopt", this.#fd.number, SOL_NETLINK, option, Int32Array.of(1), 4);
  }

  /** Has the kernel perform all; the first that failed, if one did. */
  ask(requests: readonly Request[]): FailedRequest | undefined {
    const all = batch(requests, "each");
    // The answers to many would not fit the socket's queue: each wants its own room there.
    const sent = rawSyscall("sendto", this.#fd.number, all.bytes, all.bytes.length);
    const [request] = requests;
    if (sent < 0 && request) return { request, errno: -sent };
    let failed: FailedRequest | undefined;
    for (let answers = this.#answers(); answers !== undefined; answers = this.#answers())
      failed ??= firstFailure(all, answers);
    return failed;
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }

  #answers(): Uint8Array | undefined {
    const into = new Uint8Array(new ArrayBuffer(ANSWERS_BYTES));
    const length = rawSyscall("recvfrom", this.#fd.number, into, into.length, MSG_DONTWAIT);
    // ENOBUFS: some were lost, and more may be there.
    if (length === -ERRNO.ENOBUFS) return into.subarray(0, 0);
    return length < 0 ? undefined : into.subarray(0, length);
  }
}
