// Most commands start without a word to the network, and many never say one: the stack is not loaded before there is a frame for it. Until
// then this process has as little to do as a waiter, and lets go of what it has needed to start.
import { POLLIN, poll } from "../../ffi/poll.ts";
import type { SignalPipe } from "../../ffi/signal_pipe.ts";
import { unmapCode } from "../../ffi/unmapped_code.ts";
import type { Device } from "../net/device/device.ts";
import { ETHER_TYPE } from "../net/wire/ethernet.ts";
import { get16 } from "../net/wire/network_order.ts";
import { VIRTIO_NET_HDR_LENGTH } from "../net/wire/virtio_net_hdr.ts";
import { forwardSignal } from "./forward_signal.ts";

const ETHER_TYPE_AT = VIRTIO_NET_HDR_LENGTH + 12;
const IPV6_AT = ETHER_TYPE_AT + 2;
const ICMPV6 = 58;
const SOLICITATIONS: readonly number[] = [133, 135];
/** Milliseconds after which a sandbox is one that stays. */
const SETTLING = 500;

export type SilentSession = {
  readonly device: Device;
  readonly pidfd: number;
  readonly signals: SignalPipe;
  readonly newSession: boolean;
};

/** The first frame that wants an answer, in bytes of its own; `undefined` once the command has ended without one. */
export function firstFrame({ device, pidfd, signals, newSession }: SilentSession): Uint8Array | undefined {
  const interests = [signals.fd, pidfd, device.fd].map((fd) => ({ fd, events: POLLIN }));
  for (let patience = SETTLING; ; ) {
    const [signalled = 0, ended = 0, readable = 0] = poll(interests, patience);
    if (signalled) for (const caught of signals.drain()) forwardSignal(pidfd, !newSession, caught);
    const frame = readable ? nextAsking(device) : undefined;
    if (frame !== undefined || ended) return frame;
    if (signalled + readable === 0 && patience === SETTLING) {
      unmapCode();
      patience = Number.POSITIVE_INFINITY;
    }
  }
}

function nextAsking(device: Device): Uint8Array | undefined {
  for (let frame = device.read(); frame !== undefined; frame = device.read())
    if (wantsAnswer(frame)) return frame.slice();
  return undefined;
}

/** A kernel that brings an interface up tells its groups so (MLDv2, RFC 9777): by IPv6 multicast, where nobody is. */
export function wantsAnswer(frame: Uint8Array): boolean {
  if (frame.length < IPV6_AT) return false;
  const isGroup = ((frame[VIRTIO_NET_HDR_LENGTH] ?? 1) & 1) === 1;
  return !isGroup || get16(frame, ETHER_TYPE_AT) !== ETHER_TYPE.IPV6 || isDiscovery(frame);
}

/** Neighbour discovery begins with solicitations: ICMPv6 right behind the fixed header (RFC 4861 sections 4.1 and 4.3). */
function isDiscovery(frame: Uint8Array): boolean {
  const [nextHeader, type] = [frame[IPV6_AT + 6], frame[IPV6_AT + 40] ?? 0];
  return nextHeader === ICMPV6 && SOLICITATIONS.includes(type);
}
