// A network device without a kernel behind it: frames are put in by a test, and what the stack writes is taken out.
import { pipe } from "../../ffi/pipe.ts";
import type { Device } from "../../src/net/device/device.ts";
import { VIRTIO_NET_HDR_LENGTH } from "../../src/net/wire/virtio_net_hdr.ts";

export class FakeDevice implements Device {
  readonly header = new Uint8Array(512);
  readonly #pipe = pipe("fake device");
  readonly #incoming: Uint8Array[] = [];
  /** Without their virtio_net_hdr. */
  readonly written: Uint8Array[] = [];

  get fd(): number {
    return this.#pipe.read.number;
  }

  /** An Ethernet frame of the sandbox's. */
  put(frame: Uint8Array): void {
    const bytes = new Uint8Array(VIRTIO_NET_HDR_LENGTH + frame.length);
    bytes.set(frame, VIRTIO_NET_HDR_LENGTH);
    this.#incoming.push(bytes);
  }

  read(): Uint8Array | undefined {
    return this.#incoming.shift();
  }

  write(length: number, payload: readonly Uint8Array[]): boolean {
    const parts = [this.header.subarray(VIRTIO_NET_HDR_LENGTH, length), ...payload];
    const frame = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      frame.set(part, at);
      at += part.length;
    }
    this.written.push(frame);
    return true;
  }

  close(): void {
    this.#pipe.read.close();
    this.#pipe.write.close();
  }
}
