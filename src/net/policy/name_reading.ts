// What the first bytes of a flow say about the name they are for, as far as one protocol can read them.
export type NameReading =
  /** They may be of this protocol; nothing more can be said before there are `length` of them. */
  | { readonly kind: "need-more"; readonly length: number }
  /** All names that are shown: a request may have one in its target and one in its Host. */
  | { readonly kind: "names"; readonly names: readonly [string, ...string[]] }
  /** Of this protocol, whole, and without a name. */
  | { readonly kind: "none" }
  /** Of this protocol, and broken: what a server would make of it cannot be known. */
  | { readonly kind: "malformed" }
  | { readonly kind: "other-protocol" };

/** A ClientHello with a post-quantum key share is about 1.8 KB; servers refuse a request's head of more than 8 to 16 KiB. */
export const FIRST_BYTES_LIMIT = 16 * 1024;

export const MALFORMED: NameReading = { kind: "malformed" };
export const OTHER_PROTOCOL: NameReading = { kind: "other-protocol" };
