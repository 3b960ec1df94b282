// The usual network, worked out while bundling.
import { defaultNetwork } from "./default_network.ts" with { type: "macro" };

export const DEFAULT_NETWORK = defaultNetwork();

export const NAMESERVERS: readonly string[] = [DEFAULT_NETWORK.network.ipv4, DEFAULT_NETWORK.network.ipv6].flatMap(
  (addresses) => addresses?.nameserver ?? [],
);
