// --publish, as docker and podman have it: [IP:][HOST]:SANDBOX[/tcp|/udp], ranges, and a port alone for one that the kernel chooses.

import { usageFault } from "../../base/fault.ts";
import { type IpAddress, isIpv4Mapped, parseIpAddress } from "../../net/wire/ip_address.ts";

export type PublishedPort = {
  readonly address: IpAddress;
  /** 0: the kernel chooses. */
  readonly hostPort: number;
  readonly sandboxPort: number;
  readonly protocol: "tcp" | "udp";
};

/** Where none is given: a sandbox's ports are for this host, unless more is asked for. */
export const DEFAULT_ADDRESS: IpAddress = { family: 4, bytes: Uint8Array.of(127, 0, 0, 1) };

/** IP, in brackets for IPv6; host ports; the sandbox's ports; protocol. */
const FORM = /^(?:(?:(\[[^\]]*\]|[^:[\]]*):)?([^:[\]/]*):)?([^:[\]/]+)(?:\/([a-z]*))?$/;
const LARGEST_PORT = 65_535;

type Words = { readonly what: string; readonly text: string };
type Range = { readonly first: number; readonly last: number };

/** One for each port of a range. `what`: what is being done, for a fault. */
export function parsePublish(text: string, what = "use --publish"): readonly PublishedPort[] {
  const words: Words = { what, text };
  const match = FORM.exec(text);
  if (!match) throw refusal(words, formMistake(text));
  const [, ip, hostText = "", sandboxText = "", protocolText] = match;
  const address = ip === undefined ? DEFAULT_ADDRESS : addressOf(words, ip);
  const protocol = protocolOf(words, protocolText ?? "tcp");
  const sandbox = rangeOf(words, sandboxText, 1);
  const host = hostText === "" ? undefined : rangeOf(words, hostText, 0);
  const isChosen = host === undefined || host.last === 0;
  const count = sandbox.last - sandbox.first + 1;
  if (!isChosen && host.last - host.first + 1 !== count)
    throw refusal(words, `${hostText} and ${sandboxText} are not equally many ports`);
  if (!isChosen && host.first === 0) throw refusal(words, "port 0 has no neighbours: the kernel chooses it");
  return Array.from({ length: count }, (_, i) => ({
    address,
    hostPort: isChosen ? 0 : host.first + i,
    sandboxPort: sandbox.first + i,
    protocol,
  }));
}

function addressOf(words: Words, ip: string): IpAddress {
  const bare = ip.startsWith("[") ? ip.slice(1, -1) : ip;
  const address = parseIpAddress(bare);
  if (address !== undefined && isIpv4Mapped(address)) throw refusal(words, "an IPv4 address is written as one");
  if (address !== undefined && (address.family === 6) === ip.startsWith("[")) return address;
  throw refusal(words, `${JSON.stringify(bare)} is no IP address of this host's`);
}

function protocolOf(words: Words, protocol: string): "tcp" | "udp" {
  if (protocol === "tcp" || protocol === "udp") return protocol;
  throw refusal(words, `${JSON.stringify(protocol)} is neither tcp nor udp`);
}

function rangeOf(words: Words, range: string, least: number): Range {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match && first >= least && last <= LARGEST_PORT && first <= last) return { first, last };
  throw refusal(words, `${JSON.stringify(range)} is no port or range of ports from ${least} to ${LARGEST_PORT}`);
}

function formMistake(text: string): string {
  const colons = text.split(":").length - 1;
  return colons > 2 && !text.includes("[") ? "an IPv6 address stands in brackets" : "that is not how it is written";
}

function refusal({ what, text }: Words, cause: string) {
  return usageFault(
    `Cannot ${what} ${JSON.stringify(text)}`,
    cause,
    "write [IP:][HOST-PORT]:SANDBOX-PORT[/tcp|/udp]: 8080:80, 127.0.0.1::80, [::1]:5353:53/udp, 8000-8010:8000-8010",
  );
}
