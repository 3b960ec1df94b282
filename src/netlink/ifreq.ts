// struct ifreq, netdevice(7): 16 bytes of name, 24 of union.
import { checkInterfaceName, IFNAMSIZ } from "./interface_name.ts";

const IFREQ_BYTES = 40;
/** Where the union begins: ifr_flags (16 bits), ifr_ifindex (32 bits). */
export const IFR_UNION = IFNAMSIZ;
/** Gives the index of the named link; on any socket, a netlink one too. */
export const SIOCGIFINDEX = 0x8933;

export function ifreq(name: string, flags = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(IFREQ_BYTES);
  new TextEncoder().encodeInto(checkInterfaceName(name), bytes);
  new DataView(bytes.buffer).setUint16(IFR_UNION, flags, true);
  return bytes;
}
