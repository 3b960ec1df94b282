// What to ask of a new descriptor of /dev/net/tun so that it becomes a TAP device with offloads: ioctl(2) calls in order, as data, for a
// plan's child and for ffi/tun.ts. (linux/if_tun.h; the numbers are those of asm-generic/ioctl.h, the same on x86-64 and aarch64.)
import { ifreq } from "./ifreq.ts";

export const TUN_IOCTL = {
  TUNSETIFF: 0x400454ca,
  TUNSETPERSIST: 0x400454cb,
  TUNSETOFFLOAD: 0x400454d0,
  TUNSETSNDBUF: 0x400454d4,
  TUNSETVNETHDRSZ: 0x400454d8,
  TUNSETIFINDEX: 0x400454da,
  TUNSETVNETLE: 0x400454dc,
} as const;

export const TUN_FLAG = {
  IFF_TUN: 0x1,
  IFF_TAP: 0x2,
  IFF_NO_PI: 0x1000,
  IFF_VNET_HDR: 0x4000,
  /** No attaching to a device that is there already. */
  IFF_TUN_EXCL: 0x8000,
} as const;

/** What the reader of the device can take off the sandbox's hands: checksums, and the cutting of segments and datagrams. */
export const TUN_F = { CSUM: 0x01, TSO4: 0x02, TSO6: 0x04, TSO_ECN: 0x08, UFO: 0x10, USO4: 0x20, USO6: 0x40 } as const;

/** sizeof(struct virtio_net_hdr_mrg_rxbuf), which is that of a version 1 header. */
export const VNET_HEADER_BYTES = 12;

/** Of no link that the kernel numbers by itself in a namespace of this size. */
export const TAP_INDEX = 1000;

export type TunRequest = {
  readonly name: keyof typeof TUN_IOCTL;
  readonly request: number;
  readonly argument: number | Uint8Array;
  /** How the argument is shown. */
  readonly shown: string;
  readonly tolerate?: readonly ["EINVAL"];
};

export type TapOptions = {
  readonly name: string;
  readonly index?: number;
  /**
   * Whether the device goes with its descriptor. Taking it down then takes close(2), or the exit of the last holder, 14 to 27 ms
   * (synchronize_net). A device that stays goes with its network namespace, in a worker of the kernel's, and nobody waits for it.
   */
  readonly closesWithDescriptor?: boolean;
  /** Datagram super-segments too (VIRTIO_NET_HDR_GSO_UDP_L4), where the kernel has them (6.2). */
  readonly udpSegmentation?: boolean;
};

const OFFLOAD = TUN_F.CSUM | TUN_F.TSO4 | TUN_F.TSO6;
const PERSIST = request("TUNSETPERSIST", 1, "1");
/** Datagram super-segments too (VIRTIO_NET_HDR_GSO_UDP_L4), where the kernel has them (6.2). */
export const UDP_SEGMENTATION: TunRequest = {
  ...request("TUNSETOFFLOAD", OFFLOAD | TUN_F.USO4 | TUN_F.USO6, "...|TUN_F_USO4|TUN_F_USO6"),
  tolerate: ["EINVAL"],
};

export function tapRequests(options: TapOptions): readonly TunRequest[] {
  const { name, index = TAP_INDEX, closesWithDescriptor = false, udpSegmentation = false } = options;
  const { IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, IFF_TUN_EXCL } = TUN_FLAG;
  const requests: readonly TunRequest[] = [
    request("TUNSETIFINDEX", word(index), `&${index}`),
    request(
      "TUNSETIFF",
      ifreq(name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL),
      `{"${name}", IFF_TAP|IFF_NO_PI|IFF_VNET_HDR|IFF_TUN_EXCL}`,
    ),
    request("TUNSETVNETHDRSZ", word(VNET_HEADER_BYTES), `&${VNET_HEADER_BYTES}`),
    request("TUNSETVNETLE", word(1), "&1"),
    request("TUNSETOFFLOAD", OFFLOAD, "TUN_F_CSUM|TUN_F_TSO4|TUN_F_TSO6"),
  ];
  return [...requests, ...(closesWithDescriptor ? [] : [PERSIST]), ...(udpSegmentation ? [UDP_SEGMENTATION] : [])];
}

function request(name: TunRequest["name"], argument: TunRequest["argument"], shown: string): TunRequest {
  return { name, request: TUN_IOCTL[name], argument, shown };
}

function word(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}
