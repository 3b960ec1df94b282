// The tarball that the program may carry. A build that wants one puts it at alpine/build/minirootfs.tar.gz and defines
// process.env.SANDBOX_EMBED_ALPINE_VERSION and ..._ARCH; the bundler then replaces both names by text. Where the version
// is defined as the empty text, the bundler sees that the import is never reached and leaves it out.
import { RootfsError } from "../rootfs_error.ts";
import type { AlpineArch } from "./releases.ts";

export type EmbeddedAlpine = {
  readonly version: string;
  readonly arch: AlpineArch;
  /** The tarball's bytes, not verified. */
  read(): Promise<Uint8Array>;
};

/** Costs nothing to ask: the tarball is only touched by `read`. */
export function embeddedAlpine(): EmbeddedAlpine | undefined {
  const version = process.env.SANDBOX_EMBED_ALPINE_VERSION;
  if (!version) return undefined;
  return { version, arch: process.env.SANDBOX_EMBED_ALPINE_ARCH === "aarch64" ? "aarch64" : "x86_64", read };
}

async function read(): Promise<Uint8Array> {
  if (process.env.SANDBOX_EMBED_ALPINE_VERSION) {
    // With a handler on the promise, a missing file is no error to the bundler: plain builds need no tarball.
    const asset = await import("./build/minirootfs.tar.gz", { with: { type: "file" } }).catch(() => undefined);
    if (asset) return await Bun.file(asset.default).bytes();
  }
  throw new RootfsError("read", "the embedded tarball", "this program was built without one", "");
}
