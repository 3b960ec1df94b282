// The source that a specification means, opened.
import type { Fd } from "../../ffi/fd.ts";
import { O_RDONLY, open } from "../../ffi/file.ts";
import { ArchiveFiles } from "./archive_files.ts";
import { DirectorySource } from "./directory.ts";
import { DockerArchiveSource } from "./docker_archive.ts";
import { FolderFiles } from "./folder_files.ts";
import type { ImageFiles } from "./image_files.ts";
import type { ImageSource } from "./image_source.ts";
import { LayoutSource } from "./layout.ts";
import { type RegistryOptions, RegistrySource } from "./registry/registry_source.ts";
import type { ImageSourceSpec } from "./source.ts";

export type OpenOptions = {
  readonly registry: RegistryOptions;
  /** An empty file, open for reading and writing, that outlives the source; asked for when an archive is compressed. */
  readonly scratch: () => number;
};

/** Throws OciError, and SyscallError where a path cannot be opened. A tarball is no image: the caller has its own way. */
export async function openImageSource(
  spec: Exclude<ImageSourceSpec, { kind: "tarball" }>,
  options: OpenOptions,
): Promise<ImageSource> {
  switch (spec.kind) {
    case "registry":
      return new RegistrySource(spec.reference, options.registry);
    case "layout":
      return new LayoutSource(new FolderFiles(spec.path), spec.tag);
    case "dir":
      return new DirectorySource(new FolderFiles(spec.path));
    case "oci-archive":
      return new LayoutSource(await openArchive(spec.path, options.scratch), spec.tag);
    case "docker-archive":
      return new DockerArchiveSource(await openArchive(spec.path, options.scratch), spec.reference);
  }
}

async function openArchive(path: string, scratch: () => number): Promise<ImageFiles> {
  const file = open(path, O_RDONLY);
  try {
    return new OwnedFiles(file, await ArchiveFiles.index(file.number, path, { scratch }));
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The members of an archive, closed with its file. */
class OwnedFiles implements ImageFiles {
  readonly name: string;
  readonly #file: Fd;
  readonly #files: ImageFiles;

  constructor(file: Fd, files: ImageFiles) {
    this.name = files.name;
    this.#file = file;
    this.#files = files;
  }

  size(path: string): number | undefined {
    return this.#files.size(path);
  }

  read(path: string, from: number): AsyncIterable<Uint8Array> {
    return this.#files.read(path, from);
  }

  close(): void {
    this.#files.close();
    this.#file.close();
  }
}
