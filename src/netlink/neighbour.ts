// Neighbours: RTM_NEWNEIGH of rtnetlink(7).
import { struct } from "../../ffi/struct.ts";
import { binary } from "./attribute.ts";
import { familyNumber, type IpAddress, shownAddress } from "./ip_address.ts";
import { shownHardwareAddress } from "./link.ts";
import { message, NLM_F, type Request } from "./message.ts";

const RTM_NEWNEIGH = 28;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_PERMANENT = 0x80;

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
