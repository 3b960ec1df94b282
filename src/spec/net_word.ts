// What the first word of `--net` may be, up to a colon. Whatever else stands there is the name of a network, so none is called by one of these.

export const NET_WORDS = ["slirp", "fast", "none", "host", "container", "ns"] as const;
export type NetWord = (typeof NET_WORDS)[number];

/** `undefined` where `text` can only be the name of a network. */
export function netWord(text: string): NetWord | undefined {
  const [first] = text.split(":");
  return NET_WORDS.find((word) => word === first);
}
