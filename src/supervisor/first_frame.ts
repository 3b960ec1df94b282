// Most commands start without a word to the network, and many never say one: the stack is not loaded before there is a frame for it. Until
// then this process has as little to do as a waiter.
import { POLLIN, poll } from "../../ffi/poll.ts";
import type { SignalPipe } from "../../ffi/signal_pipe.ts";
import type { Device } from "../net/device/device.ts";
import { ETHER_TYPE } from "../net/wire/ethernet.ts";
import { get16 } from "../net/wire/network_order.ts";
import { VIRTIO_NET_HDR_LENGTH } from "../net/wire/virtio_net_hdr.ts";
import { forwardSignal } from "./forward_signal.ts";

const ETHER_TYPE_AT = VIRTIO_NET_HDR_LENGTH + 12;

export type SilentSession = {
  readonly device: Device;
  readonly pidfd: number;
  readonly signals: SignalPipe;
  readonly newSession: boolean;
};

/** The first frame that wants an answer, in bytes of its own; `undefined` once the command has ended without one. */
export function firstFrame({ device, pidfd, signals, newSession }: SilentSession): Uint8Array | undefined {
  const interests = [signals.fd, pidfd, device.fd].map((fd) => ({ fd, events: POLLIN }));
  for (;;) {
    const [signalled, ended, readable] = poll(interests);
    if (signalled) for (const caught of signals.drain()) forwardSignal(pidfd, !newSession, caught);
    if (readable) {
      for (let frame = device.read(); frame !== undefined; frame = device.read())
        if (wantsAnswer(frame)) return frame.slice();
    }
    if (ended) return undefined;
  }
}

/** A kernel that brings an interface up tells its groups so (MLDv2, RFC 9777): to the multicast addresses of the link, where nobody is. */
export function wantsAnswer(frame: Uint8Array): boolean {
  const isGroup = ((frame[VIRTIO_NET_HDR_LENGTH] ?? 1) & 1) === 1;
  return !isGroup || get16(frame, ETHER_TYPE_AT) === ETHER_TYPE.ARP;
}
