// What the policy says of a flow, in a form that a person can be told: what stopped it, and which flag would let it go.
import type { IpAddress } from "../wire/ip_address.ts";
import type { DefaultDenial } from "./default_denials.ts";
import type { PolicyRule } from "./policy.ts";

export type DenialReason =
  | { readonly kind: "rule"; readonly rule: PolicyRule }
  | { readonly kind: "default"; readonly denial: DefaultDenial }
  /** The stack's own address, which is the host's loopback, without `host-loopback`. */
  | { readonly kind: "host-loopback" }
  /** There are allow rules and none speaks of it. */
  | { readonly kind: "no-rule" }
  /** A rule for a name would let it go, but the flow shows another name. */
  | { readonly kind: "other-name"; readonly name: string }
  /** A rule for a name would let it go, but the flow shows none where one has to be shown. */
  | { readonly kind: "no-name" }
  /** The first bytes contradict their own protocol, or do not end. */
  | { readonly kind: "malformed" };

export type Denial = {
  readonly kind: "deny";
  readonly reason: DenialReason;
  /** The flag, as the user would write it; empty where no flag allows it. */
  readonly hint: string;
};

/** What the first bytes have to hold up to. */
export type NameCondition = {
  /** The rules for names of which one has to match; "any" where the flow is let out but for some names. */
  readonly allowed: readonly PolicyRule[] | "any";
  readonly denied: readonly PolicyRule[];
  /** Those that our DNS bound to the address. */
  readonly names: readonly string[];
  readonly address: IpAddress;
  readonly port: number;
};

export type Verdict =
  | { readonly kind: "allow"; readonly rule: PolicyRule | undefined }
  /** Go on connecting, but hand no byte of the sandbox to the host before FirstBytes has seen what it says. */
  | { readonly kind: "allow-if-name"; readonly condition: NameCondition }
  | Denial;
