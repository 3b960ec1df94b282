import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { O_RDONLY, open } from "../../../../ffi/file.ts";
import type { Descriptor } from "../../../../rootfs-builder/oci/descriptor.ts";
import type { Digest } from "../../../../rootfs-builder/oci/digest.ts";
import { FolderFiles } from "../../../../rootfs-builder/oci/folder_files.ts";
import { readVerified } from "../../../../rootfs-builder/oci/image_source.ts";
import { blobPath, LayoutSource, REF_NAME } from "../../../../rootfs-builder/oci/layout.ts";
import { LayoutWriter } from "../../../../rootfs-builder/oci/layout_writer.ts";
import { parsePlatform } from "../../../../rootfs-builder/oci/platform.ts";
import { resolveImage } from "../../../../rootfs-builder/oci/resolve_image.ts";
import { encode, type MadeImage, makeImage, makeIndex, plain } from "../../../fixtures/rootfs-builder/oci/image.ts";
import { writeLayout } from "../../../fixtures/rootfs-builder/oci/layout.ts";
import { TemporaryFolder } from "../../../fixtures/rootfs-builder/temporary_folder.ts";

const PLATFORM = { platform: parsePlatform("linux/amd64") };
const IMAGE = makeImage({ layers: ["one", "two"] });

/** A layout of `image` under the tag `v1`, changed by `change`, read under `tag`. */
async function read(image: MadeImage, tag: string | undefined, change: (path: string) => void = () => {}) {
  using folder = new TemporaryFolder();
  await writeLayout(folder.path, [{ image, tag: "v1" }]);
  change(folder.path);
  const source = new LayoutSource(new FolderFiles(folder.path), tag);
  try {
    const resolved = await resolveImage(source, PLATFORM);
    const layers = [];
    for (const { descriptor } of resolved.layers) layers.push(await readVerified(source, descriptor, 1 << 20));
    return { resolved, layers };
  } finally {
    source.close();
  }
}

test.each(["v1", undefined])("what was written is read, by the tag %p", async (tag) => {
  const { resolved, layers } = await read(IMAGE, tag);
  expect(resolved.manifestDescriptor.digest).toBe(IMAGE.manifest.digest);
  expect(resolved.config.config.cmd).toEqual(["sh"]);
  expect(
    layers.map((bytes) => new TextDecoder().decode(Bun.gunzipSync(Buffer.from(bytes)).subarray(512, 515))),
  ).toEqual(["one", "two"]);
});

test("an index in it is resolved to the platform", async () => {
  const index = makeIndex([
    { image: makeImage({ architecture: "arm64" }), platform: { os: "linux", architecture: "arm64" } },
    { image: IMAGE, platform: { os: "linux", architecture: "amd64" } },
  ]);
  const { resolved } = await read(index, "v1");
  expect(resolved.manifestDescriptor.digest).toBe(IMAGE.manifest.digest);
  expect(resolved.root.descriptor.digest).toBe(index.manifest.digest);
});

test("without names, index.json itself is the index of all platforms", async () => {
  const arm = makeImage({ architecture: "arm64" });
  using folder = new TemporaryFolder();
  await writeLayout(folder.path, [
    { image: IMAGE, tag: "a" },
    { image: arm, tag: "b" },
  ]);
  const manifests = [IMAGE, arm].map(({ manifest }, at) => ({
    ...plain(manifest),
    platform: { os: "linux", architecture: at === 0 ? "amd64" : "arm64" },
  }));
  writeFileSync(join(folder.path, "index.json"), encode({ schemaVersion: 2, manifests }));
  const source = new LayoutSource(new FolderFiles(folder.path), undefined);
  const { manifestDescriptor } = await resolveImage(source, { platform: parsePlatform("linux/arm64") });
  expect(manifestDescriptor.digest).toBe(arm.manifest.digest);
  source.close();
});

test("several images without a tag, and a tag that is not there, are told with the names", async () => {
  using folder = new TemporaryFolder();
  await writeLayout(folder.path, [
    { image: IMAGE, tag: "a" },
    { image: makeImage(), tag: "b\u001b" },
  ]);
  for (const tag of [undefined, "c"]) {
    const source = new LayoutSource(new FolderFiles(folder.path), tag);
    const error = await source.root().catch((error: unknown) => error);
    expect(error).toMatchObject({ kind: "oci", hint: 'Choose one by its tag: "a", "b\\u001b"' });
    source.close();
  }
});

const layer = IMAGE.blobs.keys().next().value as Digest;
const layerPath = (path: string): string => join(path, blobPath(layer));

test.each<[string, (path: string) => void, string]>([
  ["a blob is missing", (path) => rmSync(layerPath(path)), "it is not there"],
  [
    "a blob is cut off",
    (path) => writeFileSync(layerPath(path), readFileSync(layerPath(path)).subarray(1)),
    "and its descriptor says",
  ],
  [
    "a blob is changed",
    (path) => writeFileSync(layerPath(path), readFileSync(layerPath(path)).fill(1, 20, 21)),
    "has the digest",
  ],
  [
    "a blob is a link to a file",
    (path) => {
      const outside = join(path, "outside");
      writeFileSync(outside, readFileSync(layerPath(path)));
      rmSync(layerPath(path));
      symlinkSync(outside, layerPath(path));
    },
    "behind a symbolic link",
  ],
  [
    "the blobs' folder is a link",
    (path) => {
      execFileSync("mv", [join(path, "blobs/sha256"), join(path, "elsewhere")]);
      symlinkSync("../elsewhere", join(path, "blobs/sha256"));
    },
    "behind a symbolic link",
  ],
  [
    "a blob is a FIFO",
    (path) => {
      rmSync(layerPath(path));
      execFileSync("mkfifo", [layerPath(path)]);
    },
    "is no regular file",
  ],
  [
    "a blob is a folder",
    (path) => {
      rmSync(layerPath(path));
      mkdirSync(layerPath(path));
    },
    "is no regular file",
  ],
  ["index.json is missing", (path) => rmSync(join(path, "index.json")), 'there is no "index.json"'],
  [
    "index.json is huge",
    (path) => writeFileSync(join(path, "index.json"), Buffer.alloc(5 << 20, " ")),
    "more than the 4194304",
  ],
  ["oci-layout is missing", (path) => rmSync(join(path, "oci-layout")), 'there is no "oci-layout"'],
  [
    "oci-layout is of another time",
    (path) => writeFileSync(join(path, "oci-layout"), '{"imageLayoutVersion":"2.0.0"}'),
    "only 1.x is known",
  ],
  [
    "the index names a path for a digest",
    (path) => {
      const entry = { ...plain(IMAGE.manifest), digest: "sha256:../../../../etc/passwd" };
      writeFileSync(join(path, "index.json"), encode({ schemaVersion: 2, manifests: [entry] }));
    },
    "is no digest",
  ],
])("when %s, it is refused by name", async (_, change, reason) => {
  await expect(read(IMAGE, undefined, change)).rejects.toThrow(reason);
});

test.each<[string, MadeImage, string]>([
  [
    "more layers than diff ids",
    makeImage({ patchConfig: { rootfs: { type: "layers", diff_ids: [] } } }),
    "lists 0 layers",
  ],
  [
    "a manifest of one type under the name of another",
    makeImage({ patchManifest: { mediaType: "application/x" } }),
    "but came as",
  ],
  [
    "an image for another platform",
    makeImage({ architecture: "s390x" }),
    "it is for linux/s390x, and linux/amd64 is wanted",
  ],
])("%s is refused", async (_, image, reason) => {
  await expect(read(image, "v1")).rejects.toThrow(reason);
});

test("indexes in indexes end somewhere", async () => {
  const platform = { os: "linux", architecture: "amd64" };
  let image = makeIndex([{ image: IMAGE, platform }]);
  for (let depth = 0; depth < 3; depth++) image = makeIndex([{ image, platform }]);
  await expect(read(image, "v1")).rejects.toThrow("an index in an index");
});

test("a second image joins the first; one of the same name takes its place", async () => {
  using folder = new TemporaryFolder();
  await writeLayout(folder.path, [{ image: IMAGE, tag: "a" }]);
  const foreign = { ...plain(makeImage().manifest), annotations: { [REF_NAME]: "kept" }, artifactType: "x/y" };
  const index = JSON.parse(readFileSync(join(folder.path, "index.json"), "utf8"));
  writeFileSync(join(folder.path, "index.json"), encode({ ...index, manifests: [...index.manifests, foreign] }));
  const other = makeImage({ layers: ["other"] });
  await writeLayout(folder.path, [{ image: other, tag: "a" }]);
  const { manifests } = JSON.parse(readFileSync(join(folder.path, "index.json"), "utf8"));
  expect(manifests).toEqual([foreign, { ...plain(other.manifest), annotations: { [REF_NAME]: "a" } }]);
  expect(readdirSync(folder.path).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
});

test("a blob that fails its digest never gets its name", async () => {
  using folder = new TemporaryFolder();
  using open_ = open(folder.path, O_RDONLY);
  const writer = new LayoutWriter(open_.number);
  const wrong: Descriptor = { ...IMAGE.manifest, digest: `sha256:${"0".repeat(64)}` };
  async function* blob(): AsyncGenerator<Uint8Array, void, void> {
    yield IMAGE.blobs.get(IMAGE.manifest.digest) ?? new Uint8Array();
  }
  await expect(writer.add(wrong, { name: "x", blob })).rejects.toThrow("has the digest");
  expect(existsSync(join(folder.path, blobPath(wrong.digest)))).toBe(false);
  await writeLayout(folder.path, [{ image: IMAGE, tag: "a" }]);
  expect(readdirSync(folder.path).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
});
