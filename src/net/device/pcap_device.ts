// A device whose frames are written down as they pass, in the format that tcpdump and Wireshark read (draft-ietf-opsawg-pcap): a file
// header, then for each frame its time and length and its bytes. Segments stand there as they pass, before they are cut, and with the
// checksums that are still to be made.
import { VIRTIO_NET_HDR_LENGTH } from "../wire/virtio_net_hdr.ts";
import type { Device } from "./device.ts";

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const [MAJOR, MINOR] = [2, 4];
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
/** What a reader has to make room for: the largest frame. */
const SNAP_LENGTH = 262_144;
const LINKTYPE_ETHERNET = 1;

export type PcapOutput = {
  readonly write: (bytes: Uint8Array) => void;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
};

export class PcapDevice implements Device {
  readonly #device: Device;
  readonly #output: PcapOutput;

  constructor(device: Device, output: PcapOutput) {
    this.#device = device;
    this.#output = output;
    output.write(fileHeader());
  }

  get fd(): number {
    return this.#device.fd;
  }

  get header(): Uint8Array {
    return this.#device.header;
  }

  get due(): number | undefined {
    return this.#device.due;
  }

  read(): Uint8Array | undefined {
    const frame = this.#device.read();
    if (frame !== undefined) this.#record([frame.subarray(VIRTIO_NET_HDR_LENGTH)]);
    return frame;
  }

  write(headerLength: number, payload: readonly Uint8Array[]): boolean {
    this.#record([this.header.subarray(VIRTIO_NET_HDR_LENGTH, headerLength), ...payload]);
    return this.#device.write(headerLength, payload);
  }

  segmentDatagrams(): boolean {
    return this.#device.segmentDatagrams?.() ?? false;
  }

  #record(parts: readonly Uint8Array[]): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const bytes = new Uint8Array(RECORD_HEADER + length);
    const view = new DataView(bytes.buffer);
    const now = this.#output.wallClock();
    view.setUint32(0, Math.floor(now / 1000), true);
    view.setUint32(4, Math.floor((now % 1000) * 1000), true);
    view.setUint32(8, length, true);
    view.setUint32(12, length, true);
    let at = RECORD_HEADER;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.#output.write(bytes);
  }
}

function fileHeader(): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC_MICROSECONDS, true);
  view.setUint16(4, MAJOR, true);
  view.setUint16(6, MINOR, true);
  view.setUint32(16, SNAP_LENGTH, true);
  view.setUint32(20, LINKTYPE_ETHERNET, true);
  return bytes;
}
