// Routes: RTM_NEWROUTE of rtnetlink(7).
import { struct } from "../../ffi/struct.ts";
import { binary, present, u32 } from "./attribute.ts";
import { familyNumber, type IpAddress, shownAddress } from "./ip_address.ts";
import { message, NLM_F, type Request } from "./message.ts";

const RTM_NEWROUTE = 24;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5 } as const;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;

/** struct rtmsg */
const rtmsg = struct({
  family: "u8",
  dst_len: "u8",
  src_len: "u8",
  tos: "u8",
  table: "u8",
  protocol: "u8",
  scope: "u8",
  type: "u8",
  flags: "u32",
});

export type Route = {
  readonly index: number;
  /** All of the family's addresses without one. */
  readonly to?: { readonly address: IpAddress; readonly length: number };
  /** Straight to the neighbours on the link without one. */
  readonly via?: IpAddress;
};

/** The link must be up, and a gateway must be reachable over it by then. */
export function addRoute(family: 4 | 6, { index, to, via }: Route): Request {
  const body = rtmsg.encode({
    family: familyNumber(family),
    dst_len: to?.length ?? 0,
    table: RT_TABLE_MAIN,
    protocol: RTPROT_BOOT,
    scope: via || family === 6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
    type: RTN_UNICAST,
  });
  const attributes = present([
    to && binary(RTA.DST, to.address.bytes),
    via && binary(RTA.GATEWAY, via.bytes),
    u32(RTA.OIF, index),
  ]);
  const target = to ? `${shownAddress(to.address)}/${to.length}` : `default IPv${family}`;
  return {
    shown: `RTM_NEWROUTE {${target}, ${via ? `via ${shownAddress(via)}, ` : ""}index ${index}}`,
    bytes: message(RTM_NEWROUTE, NLM_F.NLM_F_CREATE | NLM_F.NLM_F_EXCL, body, attributes),
  };
}

export function addDefaultRoute(index: number, via: IpAddress): Request {
  return addRoute(via.family, { index, via });
}
