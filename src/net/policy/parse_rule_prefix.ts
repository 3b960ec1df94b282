// ADDRESS/LENGTH of a rule. Bits behind the prefix are refused: 10.1.2.3/8 may mean the host or the network, and the two
// differ by sixteen million addresses.
import { contains, formatIpAddress, type IpPrefix, parseIpAddress, parsePrefix } from "../wire/ip_address.ts";
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
  const network = { family: address.family, bytes: maskedBytes(address.bytes, length) };
  const canonical = `${formatIpAddress(network)}/${length}`;
  if (!network.bytes.every((byte, at) => byte === address.bytes[at]))
    return mistake(`${text} has bits set behind its prefix of ${length}`, `Write ${canonical} or ${host}`);
  return unmapped({ address: network, length });
}

/** The IPv4-mapped form is another spelling of the same address, of a prefix too. */
function unmapped(prefix: IpPrefix): IpPrefix {
  const mapped = parsePrefix("::ffff:0:0/96");
  if (!mapped || prefix.length < MAPPED_BITS || !contains(mapped, prefix.address)) return prefix;
  return { address: { family: 4, bytes: prefix.address.bytes.slice(12) }, length: prefix.length - MAPPED_BITS };
}

function maskedBytes(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((byte, at) => {
    const kept = Math.min(8, Math.max(0, length - at * 8));
    return byte & (0xff00 >> kept) & 0xff;
  });
}
