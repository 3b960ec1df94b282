// The addresses that an answer gives to the name that was asked for, along its CNAMEs (RFC 1034, section 3.6.2). An address
// under another name is none of it: who may answer for one name could bind others.
import type { DnsRecord } from "../wire/dns.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { addressIn, TYPE } from "./message.ts";

export type GivenAddress = { readonly address: IpAddress; readonly ttl: number };

const LONGEST_CHAIN = 16;

/** `name` in lower case. */
export function answerAddresses(name: string, records: readonly DnsRecord[]): readonly GivenAddress[] {
  const owners = chainFrom(name, records);
  return records.flatMap((record) => {
    const address = owners.has(record.name.toLowerCase()) ? addressIn(record) : undefined;
    return address ? [{ address, ttl: record.ttl }] : [];
  });
}

function chainFrom(name: string, records: readonly DnsRecord[]): ReadonlySet<string> {
  const aliases = new Map(records.flatMap((record) => (record.type === TYPE.CNAME ? [aliasIn(record)] : [])));
  const owners = new Set([name]);
  for (let next = aliases.get(name); next !== undefined && owners.size < LONGEST_CHAIN; next = aliases.get(next)) {
    if (owners.has(next)) break;
    owners.add(next);
  }
  return owners;
}

function aliasIn(record: DnsRecord): readonly [string, string | undefined] {
  return [record.name.toLowerCase(), record.target?.toLowerCase()];
}
