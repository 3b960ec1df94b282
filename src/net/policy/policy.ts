// What may leave the sandbox, as a value: rules in the user's words, parsed once, and what holds where no rule speaks.
import type { IpAddress, IpPrefix } from "../wire/ip_address.ts";

/** Both ends belong to it. */
export type PortRange = { readonly first: number; readonly last: number };

export type RuleTarget =
  | { readonly kind: "name"; readonly name: string }
  /** `*.domain`: whatever is below it, at any depth, and not the domain itself. */
  | { readonly kind: "subdomains"; readonly domain: string }
  | { readonly kind: "prefix"; readonly prefix: IpPrefix }
  /** Names are resolved whatever the other rules say of them; no flow is let out by it. */
  | { readonly kind: "dns" };

export type PolicyRule = {
  /** As the user wrote it. */
  readonly text: string;
  readonly target: RuleTarget;
  readonly ports: PortRange;
};

export type NetworkPolicy = {
  readonly allow: readonly PolicyRule[];
  readonly deny: readonly PolicyRule[];
  /** What holds for a flow that no rule speaks of. */
  readonly otherwise: "allow" | "deny";
  /** The stack's own addresses in the sandbox's network, which stand for the host's loopback. */
  readonly gateways: readonly IpAddress[];
  /** `--net slirp:host-loopback`: whether those may be dialled. */
  readonly hostLoopback: boolean;
};

/** A mistake in the user's rules. */
export type PolicyProblem = {
  /** `Cannot read the rule "a b" of --allow-net`, no full stop. */
  readonly what: string;
  readonly cause: string;
  /** The mend; empty where there is none. */
  readonly hint: string;
};

/** Port 0 is that of a protocol without ports: a rule that names a port says nothing of it. */
export const ALL_PORTS: PortRange = { first: 0, last: 65535 };
