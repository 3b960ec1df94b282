// Which images an archive holds, and of which kind it is: told by what is in it, not by its name.
import type { Fd } from "../../ffi/fd.ts";
import { O_RDONLY, open } from "../../ffi/file.ts";
import { ArchiveFiles } from "./archive_files.ts";
import { type ImageFiles, readDocument } from "./image_files.ts";
import { parseImageIndex } from "./image_index.ts";
import { JsonView } from "./json_view.ts";
import { REF_NAME } from "./layout.ts";
import { LARGEST_MANIFEST } from "./manifest.ts";
import { OciError } from "./oci_error.ts";

export type ArchivedImage = {
  readonly kind: "oci-archive" | "docker-archive";
  /** As the archive has it: a reference, a tag, or whatever its maker thought of; `undefined` for none. */
  readonly name: string | undefined;
};

const MOST_IMAGES = 1000;
const CONTAINERD_NAME = "io.containerd.image.name";

/** `scratch` as for openImageSource. Throws {@link OciError} for an archive of another kind. */
export async function archivedImages(path: string, scratch: () => number): Promise<readonly ArchivedImage[]> {
  using file: Fd = open(path, O_RDONLY);
  const files = await ArchiveFiles.index(file.number, path, { scratch });
  if (files.size("oci-layout") !== undefined) return await inLayout(files);
  if (files.size("manifest.json") !== undefined) return await inDockerArchive(files);
  throw new OciError(
    "content",
    path,
    "it holds no images (neither oci-layout nor manifest.json is in it)",
    "A file system's tar file is imported: sandbox image import FILE",
  );
}

async function inLayout(files: ImageFiles): Promise<readonly ArchivedImage[]> {
  const bytes = await readDocument(files, "index.json", LARGEST_MANIFEST);
  const { manifests } = parseImageIndex(bytes, "", `${files.name}, index.json`);
  const names = manifests.map(({ annotations }) => annotations[CONTAINERD_NAME] ?? annotations[REF_NAME]);
  const distinct = [...new Set(names.filter((name) => name !== undefined))];
  return (distinct.length > 0 ? distinct : [undefined]).map((name) => ({ kind: "oci-archive", name }));
}

async function inDockerArchive(files: ImageFiles): Promise<readonly ArchivedImage[]> {
  const bytes = await readDocument(files, "manifest.json", LARGEST_MANIFEST);
  const images = JsonView.parseList(bytes, `${files.name}, manifest.json`, LARGEST_MANIFEST).items(MOST_IMAGES);
  const tags = images.flatMap((image) => image.optional("RepoTags")?.items(MOST_IMAGES) ?? []);
  const names = [...new Set(tags.map((tag) => tag.text(1024)))];
  return (names.length > 0 ? names : [undefined]).map((name) => ({ kind: "docker-archive", name }));
}
