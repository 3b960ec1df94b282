// A port of a bridge: what it lets in, and what it is sent. IFLA_INFO_SLAVE_DATA of RTM_NEWLINK, rtnetlink(7); linux/if_link.h.
import { struct } from "../../ffi/struct.ts";
import { nested, present, text, u8 } from "./attribute.ts";
import { message, type Request } from "./message.ts";

const RTM_NEWLINK = 16;
const IFLA_LINKINFO = 18;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT = { LEARNING: 8, UNICAST_FLOOD: 9, LOCKED: 39 } as const;

/** struct ifinfomsg */
const ifinfomsg = struct({ family: "u8", pad: "u8", type: "u16", index: "s32", flags: "u32", change: "u32" });

export type BridgePort = {
  /** Whether the bridge takes a frame's source address for the way to it. */
  readonly learning: boolean;
  /** Whether frames to addresses that the bridge knows no way to are sent here, too. */
  readonly unicastFlood: boolean;
  /** Frames from addresses whose way is not here are dropped (Linux 5.18; an older one does not know it, and lets them in). */
  readonly locked: boolean;
};

/** Of the link `index`, which is a port already. */
export function setBridgePort(index: number, { learning, unicastFlood, locked }: BridgePort): Request {
  const bit = (value: boolean): number => (value ? 1 : 0);
  const attributes = present([
    nested(
      IFLA_LINKINFO,
      text(IFLA_INFO_SLAVE_KIND, "bridge"),
      nested(
        IFLA_INFO_SLAVE_DATA,
        u8(IFLA_BRPORT.LEARNING, bit(learning)),
        u8(IFLA_BRPORT.UNICAST_FLOOD, bit(unicastFlood)),
        locked ? u8(IFLA_BRPORT.LOCKED, 1) : undefined,
      ),
    ),
  ]);
  const shown = `learning ${bit(learning)}, flood ${bit(unicastFlood)}, locked ${bit(locked)}`;
  return {
    shown: `RTM_NEWLINK {index ${index}, bridge port, ${shown}}`,
    bytes: message(RTM_NEWLINK, 0, ifinfomsg.encode({ index }), attributes),
  };
}
