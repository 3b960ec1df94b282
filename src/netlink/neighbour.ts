// Neighbours, and the ways of a bridge: RTM_NEWNEIGH and RTM_DELNEIGH of rtnetlink(7).
import { struct } from "../../ffi/struct.ts";
import { binary } from "./attribute.ts";
import { familyNumber, type IpAddress, shownAddress } from "./ip_address.ts";
import { shownHardwareAddress } from "./link.ts";
import { message, NLM_F, type Request } from "./message.ts";

const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const AF_BRIDGE = 7;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;
const NTF_MASTER = 0x04;

/** struct ndmsg */
const ndmsg = struct({ family: "u8", pad1: "u8", pad2: "u16", ifindex: "s32", state: "u16", flags: "u8", type: "u8" });

/** An entry that is never asked for by ARP or NDP, nor taken out. */
export function addNeighbour(index: number, address: IpAddress, hardwareAddress: Uint8Array): Request {
  const body = ndmsg.encode({ family: familyNumber(address.family), ifindex: index, state: NUD_PERMANENT });
  return {
    shown: `RTM_NEWNEIGH {index ${index}, ${shownAddress(address)} is ${shownHardwareAddress(hardwareAddress)}, NUD_PERMANENT}`,
    bytes: message(RTM_NEWNEIGH, NLM_F.NLM_F_CREATE | NLM_F.NLM_F_REPLACE, body, [
      binary(NDA_DST, address.bytes),
      binary(NDA_LLADDR, hardwareAddress),
    ]),
  };
}

export function deleteNeighbour(index: number, address: IpAddress): Request {
  const body = ndmsg.encode({ family: familyNumber(address.family), ifindex: index });
  return {
    shown: `RTM_DELNEIGH {index ${index}, ${shownAddress(address)}}`,
    bytes: message(RTM_DELNEIGH, 0, body, [binary(NDA_DST, address.bytes)]),
  };
}

/** The bridge that the link `index` is a port of sends frames to `hardwareAddress` there, and does not forget it (NUD_NOARP: "static"). */
export function addForwarding(index: number, hardwareAddress: Uint8Array): Request {
  const body = ndmsg.encode({ family: AF_BRIDGE, ifindex: index, state: NUD_NOARP, flags: NTF_MASTER });
  return {
    shown: `RTM_NEWNEIGH {index ${index}, AF_BRIDGE, ${shownHardwareAddress(hardwareAddress)}, NUD_NOARP, NTF_MASTER}`,
    bytes: message(RTM_NEWNEIGH, NLM_F.NLM_F_CREATE | NLM_F.NLM_F_REPLACE, body, [binary(NDA_LLADDR, hardwareAddress)]),
  };
}
