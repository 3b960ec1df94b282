// The addresses that an answer gives to the name that was asked for, along its CNAMEs (RFC 1034, section 3.6.2). An address
// under another name is none of it: who may answer for one name could bind others.
import { DNS_TYPE, type DnsRecord } from "../wire/dns.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { addressIn } from "./message.ts";

export type GivenAddress = { readonly address: IpAddress; readonly ttl: number };

const LONGEST_CHAIN = 16;

export function answerAddresses(name: string, records: readonly DnsRecord[]): readonly GivenAddress[] {
  const owners = chainFrom(name, records);
  return records.flatMap((record) => {
    const address = owners.has(record.name) ? addressIn(record) : undefined;
    return address ? [{ address, ttl: record.timeToLive }] : [];
  });
}

function chainFrom(name: string, records: readonly DnsRecord[]): ReadonlySet<string> {
  const aliases = new Map(records.flatMap(aliasIn));
  const owners = new Set([name]);
  for (let next = aliases.get(name); next !== undefined && owners.size < LONGEST_CHAIN; next = aliases.get(next)) {
    if (owners.has(next)) break;
    owners.add(next);
  }
  return owners;
}

function aliasIn({ name, type, data }: DnsRecord): readonly (readonly [string, string])[] {
  return type === DNS_TYPE.CNAME && data.kind === "name" ? [[name, data.name]] : [];
}
