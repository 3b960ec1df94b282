/** The network of a sandbox that is asked for none. */
export const DEFAULT_NET = "slirp";
