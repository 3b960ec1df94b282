// A release's tarball from a mirror into an open file, hashed on the way: the caller has a verified file or an error.
import { writeAll } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { RootfsError } from "../rootfs_error.ts";
import type { AlpineRelease } from "./releases.ts";

export const DEFAULT_MIRROR = "https://dl-cdn.alpinelinux.org/alpine";

/** Twenty times a minirootfs. The digest would tell, but only once the disk is full. */
const LARGEST = 128 * 2 ** 20;
const OFFLINE_HINT =
  "Check the network, or name a nearer mirror: SANDBOX_ALPINE_MIRROR=URL. Without a network, --rootfs FILE.tar.gz takes a file.";

export type FetchOptions = {
  /** What comes before `/v3.22/releases/...`, without a final slash. */
  readonly mirror: string;
  /** Bytes so far, and all of them where the server has told it. */
  readonly progress: (bytes: number, total: number | undefined) => void;
};

/** `MIRROR/vBRANCH/releases/ARCH/alpine-minirootfs-VERSION-ARCH.tar.gz`. */
export function alpineUrl({ version, arch }: AlpineRelease, mirror: string): string {
  const branch = version.split(".").slice(0, 2).join(".");
  return `${mirror.replace(/\/+$/, "")}/v${branch}/releases/${arch}/alpine-minirootfs-${version}-${arch}.tar.gz`;
}

/** Writes the tarball to the descriptor `to`. Throws {@link RootfsError}; what was written is then not to be used. */
export async function fetchAlpine(release: AlpineRelease, to: number, options: FetchOptions): Promise<void> {
  const url = alpineUrl(release, options.mirror);
  const response = await request(url);
  const hasher = new Bun.CryptoHasher("sha512");
  const bytes = await receive(
    response,
    url,
    (chunk) => {
      hasher.update(chunk);
      writeAll(to, "the downloaded tarball", chunk);
    },
    options.progress,
  );
  const digest = hasher.digest("hex");
  if (digest === release.sha512) return;
  throw new RootfsError(
    "use",
    url,
    `its ${bytes} bytes have the sha512 ${digest.slice(0, 16)}..., and ${release.sha512.slice(0, 16)}... is pinned`,
    "The mirror has another file, or something on the way has changed it: try another mirror, SANDBOX_ALPINE_MIRROR=URL",
  );
}

async function request(url: string): Promise<Response> {
  const protocol = URL.canParse(url) ? new URL(url).protocol : "";
  if (protocol !== "https:" && protocol !== "http:")
    throw new RootfsError("download", url, "the mirror is no http or https address", "Set SANDBOX_ALPINE_MIRROR=URL");
  // The tarball is compressed itself; a second compression on the way would hide its length.
  const response = await fetch(url, { headers: { "accept-encoding": "identity" } }).catch((error: Error) => {
    throw new RootfsError("download", url, reasonOf(error), OFFLINE_HINT);
  });
  if (response.ok) return response;
  await response.body?.cancel();
  const hint = response.status === 404 ? "Does the mirror's address end where /v3.22 begins?" : OFFLINE_HINT;
  throw new RootfsError("download", url, `the server answered ${response.status} ${response.statusText}`, hint);
}

async function receive(
  response: Response,
  url: string,
  take: (chunk: Uint8Array) => void,
  progress: FetchOptions["progress"],
): Promise<number> {
  const total = Number(response.headers.get("content-length")) || undefined;
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > LARGEST) throw new RootfsError("download", url, `it is larger than ${LARGEST} bytes`);
      take(chunk);
      progress(bytes, total);
    }
  } catch (error) {
    if (error instanceof RootfsError || error instanceof SyscallError) throw error;
    throw new RootfsError("download", url, `it broke off after ${bytes} bytes (${reasonOf(error)})`, OFFLINE_HINT);
  }
  if (total === undefined || bytes === total) return bytes;
  throw new RootfsError("download", url, `it broke off after ${bytes} of ${total} bytes`, OFFLINE_HINT);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, "") : String(error);
}
