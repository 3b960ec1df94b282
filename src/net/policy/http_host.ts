// The host that an HTTP/1 request is for: RFC 9112, sections 2.2, 3 and 5, and RFC 9110, section 7.2. Servers read more than
// the grammar allows, and what one of them takes for a request is read as one here too: empty lines in front, lines that
// end in LF alone, any method. What they would read in different ways (two Host fields, a folded line, a space before the
// colon) is malformed.
import { domainName } from "./domain_name.ts";
import { FIRST_BYTES_LIMIT, MALFORMED, type NameReading, OTHER_PROTOCOL } from "./name_reading.ts";

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]";
const START = new RegExp(`^${TOKEN}{1,32}(?:[ \\t]|$)`);
const VERSION = /^HTTP\/(\d)(?:\.\d)?$/i;
/** HTTP/0.9: no version, no fields, and some servers still answer. */
const SIMPLE_REQUEST = /^GET[ \t]/i;
const FIELD_NAME = new RegExp(`^${TOKEN}+$`);
const OWN_FIRST_WORDS = ["SSH-"];
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/** `bytes`: all that the client has sent so far. */
export function readHttpHost(bytes: Uint8Array): NameReading {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, FIRST_BYTES_LIMIT)).replace(/^[\r\n]+/, "");
  const end = text.indexOf("\n");
  if (end < 0) return mayBecomeRequest(text) ? needMore(bytes) : OTHER_PROTOCOL;
  const line = withoutReturn(text.slice(0, end));
  if (!mayBecomeRequest(line)) return OTHER_PROTOCOL;
  const request = requestIn(line);
  if (!request) return SIMPLE_REQUEST.test(line) ? { kind: "none" } : OTHER_PROTOCOL;
  // HTTP/2's preface looks like a request so that servers of HTTP/1 refuse it (RFC 9113, section 3.4).
  if (request.method === "PRI" && request.version === "2") return OTHER_PROTOCOL;
  const fields = fieldLines(text.slice(end));
  return fields ? namesOf(request, fields) : needMore(bytes);
}

type Request = { readonly method: string; readonly target: string; readonly version: string };

/** Cut at the first blank and at the last: a target with blanks inside is one to some servers. */
function requestIn(line: string): Request | undefined {
  const words = withoutBlanks(line);
  const start = words.search(/[ \t]/);
  const end = Math.max(words.lastIndexOf(" "), words.lastIndexOf("\t"));
  const version = VERSION.exec(words.slice(end + 1))?.[1];
  const target = withoutBlanks(words.slice(start, end));
  return version === undefined || target === "" ? undefined : { method: words.slice(0, start), target, version };
}

/** Not trim(): that takes 0xa0 away too, and a server would not. */
function withoutBlanks(text: string): string {
  const isBlank = (at: number): boolean => text[at] === " " || text[at] === "\t";
  let [start, end] = [0, text.length];
  while (start < end && isBlank(start)) start++;
  while (end > start && isBlank(end - 1)) end--;
  return text.slice(start, end);
}

function mayBecomeRequest(line: string): boolean {
  if (OWN_FIRST_WORDS.some((word) => line.startsWith(word))) return false;
  return line === "" || (START.test(line) && !CONTROL.test(withoutReturn(line)));
}

function needMore(bytes: Uint8Array): NameReading {
  return bytes.length >= FIRST_BYTES_LIMIT ? MALFORMED : { kind: "need-more", length: bytes.length + 1 };
}

/** The lines up to the empty one; `undefined` while that has not come. `text` begins with the request line's end. */
function fieldLines(text: string): readonly string[] | undefined {
  const end = text.search(/\n\r?\n/);
  return end < 0 ? undefined : text.slice(0, end).split("\n").slice(1).map(withoutReturn);
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

function namesOf({ method, target }: Request, fields: readonly string[]): NameReading {
  const hosts = hostFields(fields);
  if (!hosts || hosts.length > 1) return MALFORMED;
  const authorities = [authorityOf(method, target), hosts[0] ?? ""];
  const names = authorities.map((authority) => (authority === undefined ? undefined : hostOf(authority)));
  if (names.includes(undefined)) return MALFORMED;
  const [first, ...others] = new Set(names.flatMap((name) => (name ? [name] : [])));
  return first === undefined ? { kind: "none" } : { kind: "names", names: [first, ...others] };
}

/** The values of Host; `undefined` when a line is no field. */
function hostFields(lines: readonly string[]): readonly string[] | undefined {
  const values: string[] = [];
  for (const line of lines) {
    const name = line.slice(0, Math.max(0, line.indexOf(":")));
    if (!FIELD_NAME.test(name) || CONTROL.test(line)) return undefined;
    if (name.toLowerCase() === "host") values.push(withoutBlanks(line.slice(name.length + 1)));
  }
  return values;
}

/** The four forms of a target, RFC 9112, section 3.2; the origin form and `*` have no authority of their own. */
function authorityOf(method: string, target: string): string | undefined {
  if (method.toUpperCase() === "CONNECT") return target;
  if (target.startsWith("/") || target === "*") return "";
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#\\]+)/i.exec(target)?.[1];
}

/** Without its port; empty for an address in brackets, which is no name; `undefined` when it is neither. */
function hostOf(authority: string): string | undefined {
  if (authority === "" || /^\[[0-9a-f:.]+\](?::\d*)?$/i.test(authority)) return "";
  const [, host] = /^([^:@]+)(?::\d*)?$/.exec(authority) ?? [];
  return host === undefined ? undefined : domainName(host);
}
