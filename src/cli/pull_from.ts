// An image from a source into the store, with what the command line and the environment say.

import { downloadBlob } from "../../rootfs-builder/oci/download_blob.ts";
import { openImageSource } from "../../rootfs-builder/oci/open_image_source.ts";
import type { Platform } from "../../rootfs-builder/oci/platform.ts";
import { resolveImage } from "../../rootfs-builder/oci/resolve_image.ts";
import type { ImageSourceSpec } from "../../rootfs-builder/oci/source.ts";
import { type PulledImage, type PullOptions, pullImage } from "../../rootfs-builder/pull_image.ts";
import { openStore } from "../../rootfs-builder/store/open_store.ts";
import { DEFAULT_EXTRACT_LIMITS } from "../../rootfs-builder/tar/extract.ts";
import { requestFault } from "../base/fault.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import { pullReporter } from "./pull_reporter.ts";
import { Scratches } from "./scratches.ts";
import type { StoreJobs } from "./store_jobs.ts";

export type PullRequest = PullOptions & {
  readonly platform: Platform;
  readonly insecure: boolean;
  readonly lookups: Pick<HostLookups, "env" | "cwd">;
};

export function pullOptions(
  store: string,
  { run, ownership }: StoreJobs,
  lookups: Pick<HostLookups, "isTerminal">,
): PullOptions {
  return { store, run, ownership, limits: DEFAULT_EXTRACT_LIMITS, now: Date.now, progress: pullReporter(lookups) };
}

/** Throws RootfsError; a tarball is imported, not pulled. */
export async function pullFrom(spec: ImageSourceSpec, name: string, request: PullRequest): Promise<PulledImage> {
  if (spec.kind === "tarball")
    throw requestFault(
      `Cannot pull ${name}`,
      "a tar file of a file system is no image",
      `import it: sandbox image import ${spec.path}`,
    );
  openStore(request.store);
  using scratches = new Scratches(request.store);
  const source = await openImageSource(spec, {
    registry: { environment: request.lookups.env, insecure: request.insecure },
    scratch: () => scratches.add(),
  });
  try {
    const { platform } = request;
    return await pullImage(
      name,
      {
        name: source.name,
        resolve: () => resolveImage(source, { platform }),
        download: (descriptor, fd, { progress }) => downloadBlob(source, descriptor, fd, { progress }),
      },
      request,
    );
  } finally {
    source.close();
  }
}
