// --quiet: the same work, and nobody is told of it.
import type { PullOptions } from "../../rootfs-builder/pull_image.ts";
import type { Parsed } from "./command.ts";

export function quietly({ switches }: Parsed, options: PullOptions): PullOptions {
  const { progress: _, ...silent } = options;
  return switches.has("--quiet") ? silent : options;
}
