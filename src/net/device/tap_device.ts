// The TAP device: whole Ethernet frames, each with a struct virtio_net_hdr in front (version 1, 12 bytes, little endian). A frame may be
// a super-segment of 64 KiB whose checksum is still to be made. One read(2) a frame into memory that is always the same, one
// write(2) or writev(2) a frame out of it: the kernel has no call for many frames.
import { ERRNO } from "../../../ffi/errno.ts";
import type { Fd } from "../../../ffi/fd.ts";
import { rawSyscall } from "../../../ffi/libc.ts";
import { PinnedBuffer } from "../../../ffi/pinned_buffer.ts";
import { deviceNamespace, hardwareAddress, tryRequest } from "../../../ffi/tun.ts";
import { IoVector } from "../../../ffi/vector_io.ts";
import { UDP_SEGMENTATION } from "../../netlink/tap_requests.ts";
import { getMacAddress, type MacAddress } from "../wire/mac_address.ts";
import type { Device } from "./device.ts";

/** The largest: a header, Ethernet with a VLAN tag, IPv6, and a payload of 65,535 bytes; up to a whole page. */
const FRAME_BYTES = 17 * 4096;
const HEADER_BYTES = 512;
/** The headers, and pieces of payload. */
const MAX_PIECES = 64;

export type TapCounters = {
  readonly framesRead: number;
  readonly framesWritten: number;
  /** Frames that the device did not take, or that are in more pieces than one call takes. A network may lose frames. */
  readonly framesDropped: number;
};

export class TapDevice implements Device, Disposable {
  /** Where the headers of the next {@link write} go, virtio_net_hdr first. */
  readonly header: Uint8Array<ArrayBuffer>;
  readonly #fd: Fd;
  readonly #frame = new PinnedBuffer(FRAME_BYTES);
  readonly #header = new PinnedBuffer(HEADER_BYTES);
  readonly #vector = new IoVector(MAX_PIECES);
  #framesRead = 0;
  #framesWritten = 0;
  #framesDropped = 0;
  #failure = 0;
  #segmentsDatagrams: boolean | undefined;

  /** Takes the descriptor over, which must be non-blocking. */
  constructor(fd: Fd) {
    this.#fd = fd;
    this.header = this.#header.bytes;
  }

  get fd(): number {
    return this.#fd.number;
  }

  get counters(): TapCounters {
    return {
      framesRead: this.#framesRead,
      framesWritten: this.#framesWritten,
      framesDropped: this.#framesDropped,
    };
  }

  /** Of the interface: the sandbox's own, whoever may have changed it since. */
  get hardwareAddress(): MacAddress {
    return getMacAddress(hardwareAddress(this.#fd), 0);
  }

  /** A descriptor of the network namespace that it is in, or a negated errno. */
  networkNamespace(): number {
    return deviceNamespace(this.#fd);
  }

  /** The errno of a read after which there is nothing more to read: EBADFD once the device has gone with its namespace. Else 0. */
  get failure(): number {
    return this.#failure;
  }

  /** The next frame with its virtio_net_hdr, valid until the next call; `undefined` when none waits, or after a {@link failure}. */
  read(): Uint8Array | undefined {
    const length = rawSyscall("read", this.#fd.number, this.#frame.address, FRAME_BYTES);
    if (length > 0) {
      this.#framesRead++;
      return this.#frame.bytes.subarray(0, length);
    }
    if (length !== -ERRNO.EAGAIN && length !== -ERRNO.EINTR) this.#failure = -length;
    return undefined;
  }

  /** Gives the sandbox a frame: the first `headerLength` bytes of {@link header}, then `payload`. False if it was dropped. */
  write(headerLength: number, payload: readonly Uint8Array[]): boolean {
    const result = payload.length === 0 ? this.#writeHeader(headerLength) : this.#writePieces(headerLength, payload);
    if (result > 0) this.#framesWritten++;
    else this.#framesDropped++;
    return result > 0;
  }

  /** Kernels before 6.2 cannot. It takes a call of the driver's, which few sandboxes need: so not from the start. */
  segmentDatagrams(): boolean {
    this.#segmentsDatagrams ??= tryRequest(this.#fd, UDP_SEGMENTATION);
    return this.#segmentsDatagrams;
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #writeHeader(length: number): number {
    return rawSyscall("write", this.#fd.number, this.#header.address, length);
  }

  #writePieces(headerLength: number, payload: readonly Uint8Array[]): number {
    this.#vector.clear();
    this.#vector.addAt(this.#header.address, headerLength);
    if (this.#vector.addAll(payload) < payload.length) return -ERRNO.EMSGSIZE;
    return this.#vector.write(this.#fd.number);
  }
}
