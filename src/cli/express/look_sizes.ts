// Room for what a start reads of the host. What is longer is left to the long way.

/** The text of a link. */
export const LINK_BYTES = 256;
/** resolv.conf(5). */
export const RESOLVER_BYTES = 4096;
