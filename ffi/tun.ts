// A TUN or TAP device, tuntap.rst of the kernel's documentation. What to ask of the driver, and in which order, is given as data
// (src/netlink/tap_requests.ts): a sandbox's child makes the same requests without JavaScript.
import type { ErrnoName } from "./errno.ts";
import { errnoName } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { O_NONBLOCK, O_RDWR, open } from "./file.ts";
import { rawSyscall, syscall } from "./libc.ts";
import { SyscallError } from "./syscall_error.ts";

export type DeviceRequest = {
  /** As in linux/if_tun.h. */
  readonly name: string;
  readonly request: number;
  /** Passed as it is, or by its address. */
  readonly argument: number | Uint8Array;
  /** Errnos that are no failure: this kernel cannot do it. */
  readonly tolerate?: readonly ErrnoName[];
};

export const TUN_DEVICE = "/dev/net/tun";

/** A non-blocking descriptor of the device that `requests` make, in the caller's network namespace. */
export function openTun(requests: readonly DeviceRequest[]): Fd {
  const fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK);
  try {
    for (const request of requests) perform(fd, request);
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** Whether the driver did it, of those that it may not know. */
export function tryRequest(fd: Fd, { request, argument }: DeviceRequest): boolean {
  return rawSyscall("ioctl", fd.number, request, argument) >= 0;
}

function perform(fd: Fd, { name, request, argument, tolerate = [] }: DeviceRequest): void {
  const result = rawSyscall("ioctl", fd.number, request, argument);
  if (result >= 0) return;
  if (!tolerate.some((errno) => errno === errnoName(-result)))
    throw new SyscallError(`ioctl ${name}`, TUN_DEVICE, -result);
}

const SIOCGIFHWADDR = 0x8927;
/** struct ifreq {name[16], struct sockaddr {family, data[14]}}, netdevice(7). */
const [IFREQ_BYTES, HARDWARE_ADDRESS, MAC_BYTES] = [40, 18, 6];

/** Of a TAP device's interface, in whichever network namespace it is: the driver answers by the descriptor. */
export function hardwareAddress(fd: Fd): Uint8Array {
  const request = new Uint8Array(IFREQ_BYTES);
  syscall("ioctl", "SIOCGIFHWADDR", fd.number, SIOCGIFHWADDR, request);
  return request.subarray(HARDWARE_ADDRESS, HARDWARE_ADDRESS + MAC_BYTES);
}

/** TUNGETDEVNETNS, linux/if_tun.h; it asks for CAP_NET_ADMIN there, which the owner of its user namespace has. */
const TUNGETDEVNETNS = 0x54e3;

/** A descriptor of the network namespace in which the device is, or a negated errno. */
export function deviceNamespace(fd: Fd): number {
  return rawSyscall("ioctl", fd.number, TUNGETDEVNETNS);
}
