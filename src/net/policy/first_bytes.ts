// The first bytes of a TCP flow that a rule for a name let in. They are gathered until they show what the flow is for,
// and none of them goes to the host before that: the flow connects, takes what the server sends (a server may speak
// first, as those of SSH and SMTP do), and holds back what comes from the sandbox.
//
// - TLS shows the name in its ClientHello, HTTP/1 in its target and Host. Each name shown has to be allowed. Without a
//   name the address was dialled as a literal, and a literal needs an address rule: denied.
// - Any other protocol (SSH, Git's own, a database) shows nothing. It is allowed if and only if our DNS bound the address
//   to names that are allowed, every one of them; and on ports 80 and 443 only if it is SSH, which is served there.
//
// What this does not see: a second request for another host on the same connection, a name inside TLS (domain fronting,
// Encrypted Client Hello), a tunnel through a server that is allowed. A name rule trusts the server behind the name.
import { allowAddress } from "./hint.ts";
import { readHttpHost } from "./http_host.ts";
import { judgeNames, showsNames } from "./judge_names.ts";
import { FIRST_BYTES_LIMIT, type NameReading } from "./name_reading.ts";
import { readServerName } from "./tls_sni.ts";
import type { Denial, DenialReason, NameCondition } from "./verdict.ts";

export type FirstBytesVerdict =
  | { readonly kind: "need-more" }
  /** `names`: those that were shown; none for an opaque protocol. */
  | { readonly kind: "allow"; readonly protocol: "tls" | "http" | "opaque"; readonly names: readonly string[] }
  | Denial;

const NEED_MORE: FirstBytesVerdict = { kind: "need-more" };
const SSH = "SSH-";

export class FirstBytes {
  readonly #condition: NameCondition;
  #held = new Uint8Array(512);
  #length = 0;
  /** How many bytes there have to be before they are worth reading again. */
  #wanted = 1;

  constructor(condition: NameCondition) {
    this.#condition = condition;
  }

  /** What follows in the flow; once the verdict is another than need-more, there is no further call. */
  push(bytes: Uint8Array): FirstBytesVerdict {
    this.#keep(bytes.subarray(0, FIRST_BYTES_LIMIT - this.#length));
    return this.#length < this.#wanted ? NEED_MORE : this.#judge();
  }

  /** The client has closed its side, or has been silent for long, in the middle of what might have shown a name. */
  giveUp(): FirstBytesVerdict {
    if (this.#condition.allowed === "any") return judgeOpaque(this.#condition);
    return this.#length === 0
      ? { kind: "allow", protocol: "opaque", names: [] }
      : denied(this.#condition, { kind: "no-name" });
  }

  #judge(): FirstBytesVerdict {
    const bytes = this.#held.subarray(0, this.#length);
    for (const [protocol, read] of READERS) {
      const reading = read(bytes);
      if (reading.kind === "need-more") this.#wanted = reading.length;
      if (reading.kind !== "other-protocol") return judgeReading(this.#condition, protocol, reading);
    }
    const isSsh = new TextDecoder("latin1").decode(bytes.subarray(0, SSH.length)) === SSH;
    return judgeOpaque(this.#condition, isSsh);
  }

  #keep(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#held.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#held.length));
      larger.set(this.#held.subarray(0, this.#length));
      this.#held = larger;
    }
    this.#held.set(bytes, this.#length);
    this.#length = length;
  }
}

const READERS = [
  ["tls", readServerName],
  ["http", readHttpHost],
] as const;

function judgeReading(
  condition: NameCondition,
  protocol: "tls" | "http",
  reading: Exclude<NameReading, { readonly kind: "other-protocol" }>,
): FirstBytesVerdict {
  switch (reading.kind) {
    case "need-more":
      return NEED_MORE;
    case "malformed":
      return denied(condition, { kind: "malformed" });
    case "none":
      return condition.allowed === "any" ? judgeOpaque(condition) : denied(condition, { kind: "no-name" });
    case "names":
      return judgeNames(condition, reading.names) ?? { kind: "allow", protocol, names: reading.names };
    default:
      return reading satisfies never;
  }
}

function judgeOpaque(condition: NameCondition, isSsh = false): FirstBytesVerdict {
  if (condition.allowed !== "any" && showsNames(condition.port) && !isSsh)
    return denied(condition, { kind: "no-name" });
  return judgeNames(condition) ?? { kind: "allow", protocol: "opaque", names: [] };
}

function denied({ address, port }: NameCondition, reason: DenialReason): Denial {
  return { kind: "deny", reason, hint: allowAddress(address, port) };
}
