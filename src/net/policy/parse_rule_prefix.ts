// ADDRESS/LENGTH of a rule. Bits behind the prefix are refused: 10.1.2.3/8 may mean the host or the network, and the two
// differ by sixteen million addresses.
import {
  equalAddresses,
  formatPrefix,
  type IpPrefix,
  isIpv4Mapped,
  maskAddress,
  parseIpAddress,
} from "../wire/ip_address.ts";
import { type Mistake, mistake } from "./rule_mistake.ts";

const MAPPED_BITS = 96;

export function parseRulePrefix(text: string): IpPrefix | Mistake {
  const [, host = "", digits = ""] = /^([^/]*)\/(\d{1,3})$/.exec(text) ?? [];
  const address = parseIpAddress(host);
  if (!address)
    return mistake(`${JSON.stringify(text)} is no address with a prefix length`, "Write ADDRESS/LENGTH, 10.0.0.0/8");
  const length = Number(digits);
  const most = address.bytes.length * 8;
  if (length > most) return mistake(`the prefix length ${length} is longer than the address, ${most} bits`);
  const prefix = { address: maskAddress(address, length), length };
  if (!equalAddresses(prefix.address, address))
    return mistake(`${text} has bits set behind its prefix of ${length}`, `Write ${formatPrefix(prefix)} or ${host}`);
  return unmapped(prefix);
}

/** The IPv4-mapped form is another spelling of the same address, of a prefix too. */
function unmapped(prefix: IpPrefix): IpPrefix {
  if (prefix.length < MAPPED_BITS || !isIpv4Mapped(prefix.address)) return prefix;
  return { address: { family: 4, bytes: prefix.address.bytes.slice(12) }, length: prefix.length - MAPPED_BITS };
}
