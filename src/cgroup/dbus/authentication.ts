// SASL of the D-Bus specification ("Authentication Protocol"), the mechanism EXTERNAL: the kernel tells the bus who we are (SO_PEERCRED). No
// identity is named, as sd-bus does it: inside a user namespace our own number would be another one. Pure.
import { DbusError } from "./dbus_error.ts";

/** All that a client says, at once; messages may follow without an answer. */
export const AUTHENTICATION = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";

export type Authenticated =
  | { readonly kind: "accepted" /** Where messages begin. */; readonly end: number }
  | { readonly kind: "rejected" }
  | { readonly kind: "incomplete" };

const LONGEST_ANSWER = 1024;
const [DATA, ACCEPTED] = [/^DATA *$/, /^OK [0-9a-f]{32}$/];

/** What the bus has said so far: `DATA`, then `OK` and its GUID. */
export function readAuthentication(bytes: Uint8Array): Authenticated {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, LONGEST_ANSWER));
  const first = lineAt(text, 0);
  if (first === undefined) return incomplete(text);
  if (/^REJECTED(?: |$)/.test(first.line)) return { kind: "rejected" };
  if (!DATA.test(first.line)) throw new DbusError(`not an answer to AUTH: ${JSON.stringify(first.line)}`);
  const second = lineAt(text, first.end);
  if (second === undefined) return incomplete(text);
  if (ACCEPTED.test(second.line)) return { kind: "accepted", end: second.end };
  if (/^REJECTED(?: |$)/.test(second.line)) return { kind: "rejected" };
  throw new DbusError(`not an answer to DATA: ${JSON.stringify(second.line)}`);
}

function incomplete(text: string): Authenticated {
  if (text.length === LONGEST_ANSWER) throw new DbusError("an answer without an end");
  return { kind: "incomplete" };
}

function lineAt(text: string, begin: number): { readonly line: string; readonly end: number } | undefined {
  const end = text.indexOf("\r\n", begin);
  return end < 0 ? undefined : { line: text.slice(begin, end), end: end + 2 };
}
