// `sandbox run docker://debian cat /etc/os-release`: an image with its transport where a command would stand is the root file
// system. No program has such a name, so nothing else can be meant.
import type { Parsed } from "./command.ts";

const TRANSPORT = /^(?:docker:\/\/|oci:|oci-archive:|docker-archive:|dir:)./;

export function takeImageWord(parsed: Parsed): Parsed {
  const [word = "", ...positionals] = parsed.positionals;
  if (!TRANSPORT.test(word) || parsed.values.has("--rootfs")) return parsed;
  return { ...parsed, values: new Map([...parsed.values, ["--rootfs", [word]]]), positionals };
}
