// What making a socket comes to. That a host has no IPv6, no descriptors left or no way to an address is not a mistake of ours:
// the flow tells the sandbox.

export type Opened<T> =
  | { readonly kind: "open"; readonly socket: T }
  | { readonly kind: "failed"; readonly errno: number };
