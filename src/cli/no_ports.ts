// Why there are no ports to be published where --net gives no network of our own, and what to do.
import { netWord } from "../spec/net_word.ts";

/** `net`: as `--net` has it, or the state of a sandbox that runs. */
export function noPorts(net: string): { readonly cause: string; readonly hint: string } {
  if (netWord(net) === undefined)
    return {
      cause: `on a network with others, --net ${net}, ports are published when a sandbox starts`,
      hint: `say them there: sandbox run --net ${net} -p 8080:80 ...`,
    };
  const [, owner] = /^container:(.+)$/s.exec(net) ?? [];
  return {
    cause: `the network of --net ${net} has no ports of its own behind the host's`,
    hint:
      owner === undefined
        ? "run it without --net: the network that a sandbox has then is our own"
        : `publish it there: sandbox port add ${owner} 8080:80`,
  };
}
