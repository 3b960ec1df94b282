// The uplink as one member's stack sees it: frames that the server has found to be this member's, and a way to write to it. It has nothing to be
// waited for; the server says when there is a frame.
import { Fd } from "../../ffi/fd.ts";
import { syscall } from "../../ffi/libc.ts";
import type { Device } from "../net/device/device.ts";
import type { MacAddress } from "../net/wire/mac_address.ts";

const EFD_CLOEXEC_NONBLOCK = 0o2004000;

export class MemberDevice implements Device, Disposable {
  readonly hardwareAddress: MacAddress;
  readonly #uplink: Device;
  /** A stack waits for its device: this one never has an event. */
  readonly #never = new Fd(syscall("eventfd2", "member device", 0, EFD_CLOEXEC_NONBLOCK));
  #waiting: Uint8Array | undefined;

  constructor(uplink: Device, hardwareAddress: MacAddress) {
    this.#uplink = uplink;
    this.hardwareAddress = hardwareAddress;
  }

  get fd(): number {
    return this.#never.number;
  }

  get header(): Uint8Array {
    return this.#uplink.header;
  }

  /** For the next {@link read}; valid until the uplink is read again. */
  offer(frame: Uint8Array): void {
    this.#waiting = frame;
  }

  read(): Uint8Array | undefined {
    const frame = this.#waiting;
    this.#waiting = undefined;
    return frame;
  }

  write(headerLength: number, payload: readonly Uint8Array[]): boolean {
    return this.#uplink.write(headerLength, payload);
  }

  [Symbol.dispose](): void {
    this.#never.close();
  }
}
