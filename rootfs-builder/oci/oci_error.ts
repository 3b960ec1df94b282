// The one error for images that cannot be had or are not what they say: which document or address, what is wrong, the mend.
// Everything in a message that came from outside is quoted by `quoted`, for it is shown on terminals.

export type OciFault =
  /** What the user wrote. */
  | "reference"
  /** A manifest, index or configuration that is not well-formed, or of a kind that is not supported. */
  | "document"
  /** Bytes that are not those of their digest and size. */
  | "content"
  | "platform"
  | "absent"
  | "denied"
  /** Too many requests. */
  | "limited"
  /** A failure of the server's own. */
  | "server"
  /** An answer that no registry should give. */
  | "protocol"
  /** It broke off or gave no answer in time: another try may do. */
  | "network"
  /** Nobody is listening. */
  | "refused"
  /** No address, no trust, or one try too many. */
  | "unreachable"
  | "credentials";

export class OciError extends Error {
  readonly kind = "oci";
  readonly fault: OciFault;
  /** What was looked at: `registry.test/app:1`, `the manifest sha256:12ab34cd56ef..., layers[3].size`. */
  readonly where: string;
  readonly reason: string;
  /** What to do about it; empty where there is no mend. */
  readonly hint: string;

  constructor(fault: OciFault, where: string, reason: string, hint = "") {
    super(`${where}: ${reason}`);
    this.fault = fault;
    this.where = where;
    this.reason = reason;
    this.hint = hint;
  }
}

const LONGEST_QUOTE = 200;

/** `text` in quotes, cut, with nothing in it that a terminal would obey or that would turn the line's direction. */
export function quoted(text: string): string {
  const cut = text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}...` : text;
  return JSON.stringify(cut).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
