// resolv.conf(5): the host's, to learn whom to ask, and the sandbox's, to tell it to ask us. Read as glibc does: a keyword
// at the start of the line, the last `search` or `domain` holds, an option that is not known is skipped, numbers have
// their ceilings. glibc asks the first three servers only; we keep more, all are asked in turn.
import { formatIpAddress, type IpAddress, parseIpAddress } from "../wire/ip_address.ts";
import { LONGEST_LINE, searchDomains } from "./search_domains.ts";

export type NameServer = {
  readonly address: IpAddress;
  /** The interface that a link-local address is of: `fe80::1%eth0`. */
  readonly zone?: string;
};

export type ResolverOptions = {
  readonly ndots: number;
  /** Seconds. */
  readonly timeout: number;
  readonly attempts: number;
  readonly rotate: boolean;
  readonly useTcp: boolean;
};

export type ResolvConf = {
  readonly servers: readonly NameServer[];
  readonly search: readonly string[];
  readonly options: ResolverOptions;
};

const MOST_SERVERS = 8;
/** RES_MAXNDOTS, RES_MAXRETRANS and RES_MAXRETRY of glibc's resolv.h. */
const CEILINGS = { ndots: 15, timeout: 30, attempts: 5 } as const;
const DEFAULTS: ResolverOptions = { ndots: 1, timeout: 5, attempts: 2, rotate: false, useTcp: false };

export function parseResolvConf(text: string): ResolvConf {
  const servers: NameServer[] = [];
  let options = DEFAULTS;
  for (const line of text.split("\n")) {
    const [keyword = "", ...words] = line.slice(0, LONGEST_LINE).split(/[ \t\r]+/);
    const [first = ""] = words;
    if (keyword === "nameserver") servers.push(...nameServer(first));
    if (keyword === "options") options = words.reduce(withOption, options);
  }
  return { servers: servers.slice(0, MOST_SERVERS), search: searchDomains(text), options };
}

/** As text again: what a sandbox's /etc/resolv.conf says. */
export function formatResolvConf({ servers, search, options }: ResolvConf): string {
  const lines = servers.map(({ address, zone }) => `nameserver ${formatIpAddress(address)}${zone ? `%${zone}` : ""}`);
  if (search.length > 0) lines.push(`search ${search.join(" ")}`);
  const words = optionWords(options);
  if (words.length > 0) lines.push(`options ${words.join(" ")}`);
  return lines.map((line) => `${line}\n`).join("");
}

function nameServer(word: string): readonly NameServer[] {
  const [, text = "", zone] = /^([^%]*)(?:%([\w.@-]{1,15}))?$/.exec(word) ?? [];
  const address = parseIpAddress(text);
  if (!address) return [];
  return [zone !== undefined && address.family === 6 ? { address, zone } : { address }];
}

function withOption(options: ResolverOptions, word: string): ResolverOptions {
  if (word === "rotate") return { ...options, rotate: true };
  if (word === "use-vc" || word === "usevc") return { ...options, useTcp: true };
  const [, name, digits] = /^(ndots|timeout|attempts):(\d{1,9})$/.exec(word) ?? [];
  if (name !== "ndots" && name !== "timeout" && name !== "attempts") return options;
  // No time and no attempt at all would be no resolver.
  const least = name === "ndots" ? 0 : 1;
  return { ...options, [name]: Math.min(CEILINGS[name], Math.max(least, Number(digits))) };
}

function optionWords(options: ResolverOptions): readonly string[] {
  const numbers = (["ndots", "timeout", "attempts"] as const).filter((name) => options[name] !== DEFAULTS[name]);
  return [
    ...numbers.map((name) => `${name}:${options[name]}`),
    ...(options.rotate ? ["rotate"] : []),
    ...(options.useTcp ? ["use-vc"] : []),
  ];
}
