// One rule as users write it: HOST[:PORT], *.domain[:PORT], CIDR[:PORT], [v6]:PORT, `dns`; PORT also FIRST-LAST.
// What looks like a rule of another program (a URL, a path, a bare `*`) is refused with the spelling that is meant here:
// a rule that is silently read as something else opens or closes what the user did not say.
import { type IpAddress, parseIpAddress } from "../wire/ip_address.ts";
import { domainName } from "./domain_name.ts";
import { parsePortRange } from "./parse_port_range.ts";
import { parseRulePrefix } from "./parse_rule_prefix.ts";
import { ALL_PORTS, type PolicyProblem, type PolicyRule, type RuleTarget } from "./policy.ts";
import { isBad, type Mistake, mistake } from "./rule_mistake.ts";

export type ParsedRule =
  | { readonly kind: "rule"; readonly rule: PolicyRule }
  | { readonly kind: "problem"; readonly problem: PolicyProblem };

const LONGEST_RULE = 300;

/** `place` is what a person is told: `--allow-net`, `allow[2] of policy.json`. */
export function parseRule(text: string, place: string): ParsedRule {
  const rule = readRule(text);
  if (!isBad(rule)) return { kind: "rule", rule };
  const what = `Cannot read the rule ${quoted(text)} of ${place}`;
  return { kind: "problem", problem: { what, cause: rule.cause, hint: rule.hint } };
}

function readRule(text: string): PolicyRule | Mistake {
  const halves = splitRule(text);
  if (isBad(halves)) return halves;
  const target = readTarget(halves.host);
  if (isBad(target)) return target;
  if (halves.port === undefined) return { text, target, ports: ALL_PORTS };
  if (target.kind === "dns")
    return mistake(
      "dns is the sandbox's own resolver and has no port",
      "Write dns, or ADDRESS:53 for another resolver",
    );
  const ports = parsePortRange(halves.port);
  return isBad(ports) ? ports : { text, target, ports };
}

type Halves = { readonly host: string; readonly port: string | undefined };

function splitRule(text: string): Halves | Mistake {
  return misread(text) ?? (text.startsWith("[") ? splitBracketed(text) : splitPlain(text));
}

/** What other programs write where we want a host. */
function misread(text: string): Mistake | undefined {
  if (text === "") return mistake("it is empty", "Write HOST[:PORT], *.domain[:PORT], CIDR[:PORT] or dns");
  if (text.length > LONGEST_RULE) return mistake(`it is longer than ${LONGEST_RULE} characters`);
  if (/[\s\p{Cc}]/u.test(text))
    return mistake("it has a space or a control character in it", "Give one rule at a time");
  if (text.includes("://")) return mistake("it is a URL", `Write the host and its port only: ${hostOfUrl(text)}`);
  if (text.includes(",")) return mistake("it has a comma in it", "Give one rule at a time");
  if (text.includes("@")) return mistake("it names a user, and only hosts and ports are seen", "Write HOST[:PORT]");
  if (text.includes("%"))
    return mistake("it names a zone, and the sandbox has no other link", "Leave out % and the zone");
  return undefined;
}

function hostOfUrl(text: string): string {
  const [, scheme = "", authority = ""] = /^([^:]*):\/\/([^/?#]*)/.exec(text) ?? [];
  const hasPort = /:\d+$/.test(authority);
  const port = { http: ":80", https: ":443", ssh: ":22", git: ":9418" }[scheme.toLowerCase()] ?? "";
  return authority === "" ? "HOST:PORT" : `${authority}${hasPort ? "" : port}`;
}

function splitBracketed(text: string): Halves | Mistake {
  const [, inside, length = "", port] = /^\[([^[\]]*)\](\/\d+)?(?::(.*))?$/.exec(text) ?? [];
  if (inside === undefined) return mistake("the brackets hold no IPv6 address", "Write [ADDRESS]:PORT, [fd00::1]:443");
  if (!inside.includes(":")) return mistake(`${quoted(inside)} is no IPv6 address`, "Only IPv6 is written in brackets");
  return { host: `${inside}${length}`, port };
}

/** With more than one colon it is IPv6, and only what follows the prefix's length can be a port. */
function splitPlain(text: string): Halves | Mistake {
  const slash = text.indexOf("/");
  const colon = text.indexOf(":", Math.max(0, slash));
  const isIpv6 = slash < 0 && colon !== text.lastIndexOf(":");
  if (!isIpv6)
    return colon < 0 ? { host: text, port: undefined } : { host: text.slice(0, colon), port: text.slice(colon + 1) };
  if (parseIpAddress(text)) return { host: text, port: undefined };
  return mistake("it has more than one colon and is no IPv6 address", "Write [ADDRESS]:PORT, [fd00::1]:443");
}

function readTarget(host: string): RuleTarget | Mistake {
  if (host.toLowerCase() === "dns") return { kind: "dns" };
  if (host.includes("/"))
    return hasPath(host)
      ? mistake("it has a path, and only hosts and ports are seen", "Write HOST[:PORT]")
      : prefixTarget(host);
  const address = parseIpAddress(host);
  if (address) return prefixTarget(`${host}/${bitsOf(address)}`);
  return host.includes("*") ? readWildcard(host) : readName(host);
}

function hasPath(host: string): boolean {
  return /^[^/]*[g-z*][^/]*\//i.test(host);
}

function prefixTarget(text: string): RuleTarget | Mistake {
  const prefix = parseRulePrefix(text);
  return isBad(prefix) ? prefix : { kind: "prefix", prefix };
}

function readWildcard(host: string): RuleTarget | Mistake {
  if (host === "*")
    return mistake(
      '"*" alone is no rule',
      "Write 0.0.0.0/0 and ::/0 for every address, *.domain for the names below one",
    );
  if (!host.startsWith("*.") || host.includes("*", 1))
    return mistake('a "*" stands for whole labels, in front of a domain', "Write *.domain, *.example.com:443");
  const target = readName(host.slice(2));
  return isBad(target) || target.kind !== "name" ? target : { kind: "subdomains", domain: target.name };
}

function readName(host: string): RuleTarget | Mistake {
  const ascii = inAscii(host);
  const name = ascii === undefined ? undefined : domainName(ascii);
  if (name === undefined)
    return mistake(`${quoted(host)} is no host name`, "Letters, digits, - and _, with dots between");
  // Like a browser (WHATWG URL, "ends in a number"): what ends so is meant as an address, and no such top-level domain exists.
  if (/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(name))
    return mistake(`${quoted(host)} is no IPv4 address`, "Four decimal numbers, without leading zeros: 192.0.2.1");
  return { kind: "name", name };
}

/** DNS and TLS know a name of other letters as `xn--` labels (RFC 5891). */
function inAscii(host: string): string | undefined {
  if (/^[\x21-\x7e]*$/.test(host)) return host;
  return URL.parse(`http://${host}/`)?.hostname;
}

function bitsOf(address: IpAddress): number {
  return address.bytes.length * 8;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > LONGEST_RULE ? `${text.slice(0, LONGEST_RULE)}…` : text);
}
