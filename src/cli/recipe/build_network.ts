/** What the commands of a recipe reach: nothing, what the caller can by a network of their own, or the host's network itself. */
export const BUILD_NETWORKS = ["none", "slirp", "host"] as const;
export type BuildNetwork = (typeof BUILD_NETWORKS)[number];

/** Of a recipe that a `run` with `--net TEXT` has built. */
export function buildNetworkOf(text: string | undefined): BuildNetwork {
  if (text === undefined) return "none";
  return BUILD_NETWORKS.find((name) => name === text) ?? "slirp";
}
