// What we answer ourselves: the names of the sandbox's own network, then those of the host's /etc/hosts. A name that is
// known here is never asked for outside, not for another type either.

import { DNS_RCODE, DNS_TYPE, type DnsRecord } from "../wire/dns.ts";
import { type IpAddress, parseIpAddress } from "../wire/ip_address.ts";
import type { HostsTable } from "./hosts_file.ts";
import { addressRecord, pointerRecord, type Query } from "./message.ts";
import { addressOfReverse } from "./reverse_name.ts";

export type LocalAnswer = {
  readonly rcode: number;
  readonly records: readonly DnsRecord[];
  /** All the name's addresses, of whatever family was asked for. */
  readonly addresses: readonly IpAddress[];
};

/** Members of a network come and go, and their addresses with them. */
export const LOCAL_TTL = 10;
/** Ours: what is below it and not known does not exist. */
const OWN_ZONES = ["sandbox.internal"];
/** Discovery of an encrypted resolver (RFC 9462, section 6.4): what answers would lead past us. */
const EMPTY_ZONES = ["resolver.arpa"];
const LOOPBACK = ["127.0.0.1", "::1"].flatMap((text) => parseIpAddress(text) ?? []);

/** From the sandbox's own names; `undefined` where the name is none of them. */
export function ownAnswer(query: Query, names: HostsTable): LocalAnswer | undefined {
  const { name } = query.question;
  // RFC 6761, section 6.3: localhost is whoever asks.
  if (isWithin(name, "localhost")) return addressAnswer(query, LOOPBACK);
  const known = tableAnswer(query, names);
  if (known) return known;
  if (OWN_ZONES.some((zone) => isWithin(name, zone))) return negative(DNS_RCODE.NAME_ERROR);
  return EMPTY_ZONES.some((zone) => isWithin(name, zone)) ? negative(DNS_RCODE.NO_ERROR) : undefined;
}

export function tableAnswer(query: Query, table: HostsTable): LocalAnswer | undefined {
  const addresses = table.addressesOf(query.question.name);
  if (addresses) return addressAnswer(query, addresses);
  const asked = addressOfReverse(query.question.name);
  const name = asked && table.nameOf(asked);
  if (name === undefined) return undefined;
  const isAsked = query.question.type === DNS_TYPE.PTR || query.question.type === DNS_TYPE.ANY;
  const records = isAsked ? [pointerRecord(query.question.name, name, LOCAL_TTL)] : [];
  return { rcode: DNS_RCODE.NO_ERROR, records, addresses: [] };
}

function addressAnswer({ question }: Query, addresses: readonly IpAddress[]): LocalAnswer {
  const asked = addresses.filter(({ family }) => isAskedFor(question.type, family));
  const records = asked.map((address) => addressRecord(question.name, address, LOCAL_TTL));
  return { rcode: DNS_RCODE.NO_ERROR, records, addresses };
}

function isAskedFor(type: number, family: 4 | 6): boolean {
  return type === DNS_TYPE.ANY || type === (family === 4 ? DNS_TYPE.A : DNS_TYPE.AAAA);
}

function isWithin(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}

function negative(rcode: number): LocalAnswer {
  return { rcode, records: [], addresses: [] };
}
