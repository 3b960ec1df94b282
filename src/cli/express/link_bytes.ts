/** Room for the text of a link. Longer ones are left to the long way. */
export const LINK_BYTES = 256;
