// Addresses of a link: RTM_NEWADDR of rtnetlink(7).
import { struct } from "../../ffi/struct.ts";
import { binary, present, u32 } from "./attribute.ts";
import { familyNumber, type IpAddress, shownAddress } from "./ip_address.ts";
import { message, NLM_F, type Request } from "./message.ts";

const RTM_NEWADDR = 20;
const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 } as const;
/** No duplicate address detection: an address is usable at once, and no second is spent on asking who else has it (RFC 4862, 5.4). */
const IFA_F_NODAD = 0x02;
const RT_SCOPE_UNIVERSE = 0;

/** struct ifaddrmsg */
const ifaddrmsg = struct({ family: "u8", prefixlen: "u8", flags: "u8", scope: "u8", index: "u32" });

/** Gives the link `index` an address, and with it the route to its prefix once the link is up. */
export function addAddress(index: number, address: IpAddress, prefixLength: number): Request {
  const { family, bytes } = address;
  const body = ifaddrmsg.encode({
    family: familyNumber(family),
    prefixlen: prefixLength,
    scope: RT_SCOPE_UNIVERSE,
    index,
  });
  const attributes = present([
    binary(IFA.LOCAL, bytes),
    binary(IFA.ADDRESS, bytes),
    family === 6 ? u32(IFA.FLAGS, IFA_F_NODAD) : undefined,
  ]);
  return {
    shown: `RTM_NEWADDR {index ${index}, ${shownAddress(address)}/${prefixLength}${family === 6 ? ", IFA_F_NODAD" : ""}}`,
    bytes: message(RTM_NEWADDR, NLM_F.NLM_F_CREATE | NLM_F.NLM_F_EXCL, body, attributes),
  };
}
