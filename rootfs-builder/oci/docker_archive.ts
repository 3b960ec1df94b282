// What `docker save` and `podman save` write: manifest.json lists images, each a configuration and layers by the names of
// members (VERSION/layer.tar of old, blobs/sha256/HEX since Docker 25). There is no manifest of a registry's kind in it: one
// is made up, so that what is above sees an image like any other.
import { compressionOf } from "../tar/decompress.ts";
import { TarError } from "../tar/tar_error.ts";
import type { Descriptor } from "./descriptor.ts";
import { type Digest, shortDigest } from "./digest.ts";
import { LARGEST_CONFIG, parseImageConfig } from "./image_config.ts";
import { type ImageFiles, readDocument } from "./image_files.ts";
import { describe, type ImageRoot, type ImageSource } from "./image_source.ts";
import { JsonView } from "./json_view.ts";
import { LARGEST_MANIFEST, MOST_LAYERS } from "./manifest.ts";
import { DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST, type LayerCompression } from "./media_type.ts";
import { OciError, quoted } from "./oci_error.ts";
import { canonicalText, familiarText, parseReference, type Reference } from "./reference.ts";

type SavedImage = {
  readonly config: string;
  readonly layers: readonly string[];
  readonly tags: readonly string[];
};

const MOST_IMAGES = 1000;
const MAGIC_LENGTH = 6;

export class DockerArchiveSource implements ImageSource {
  readonly name: string;
  readonly #files: ImageFiles;
  readonly #reference: Reference | undefined;
  /** Members by the digests of the manifest that is made up. */
  readonly #paths = new Map<Digest, string>();
  #root: Promise<ImageRoot> | undefined;

  /** Owns `files`. Without a `reference` the archive must hold one image. */
  constructor(files: ImageFiles, reference: Reference | undefined) {
    this.name = reference ? `${files.name}:${familiarText(reference)}` : files.name;
    this.#files = files;
    this.#reference = reference;
  }

  async root(): Promise<ImageRoot> {
    this.#root ??= this.#makeManifest();
    return await this.#root;
  }

  async manifest(descriptor: Descriptor): Promise<Uint8Array> {
    const root = await this.root();
    if (descriptor.digest === root.descriptor.digest) return root.bytes;
    throw new OciError("absent", this.name, `there is no manifest ${shortDigest(descriptor.digest)} in it`);
  }

  async *blob({ digest, size }: Descriptor, from = 0): AsyncGenerator<Uint8Array, void, void> {
    await this.root();
    const path = this.#paths.get(digest);
    const where = `${this.name}, the blob ${shortDigest(digest)}`;
    if (path === undefined) throw new OciError("absent", where, "it is not there");
    if (this.#files.size(path) !== size)
      throw new OciError("content", where, `it has ${this.#files.size(path)} bytes, not ${size}`);
    yield* this.#files.read(path, from);
  }

  close(): void {
    this.#files.close();
  }

  async #makeManifest(): Promise<ImageRoot> {
    const image = this.#choose(await this.#images());
    const configBytes = await readDocument(this.#files, image.config, LARGEST_CONFIG);
    const config = describe(configBytes, DOCKER_CONFIG);
    this.#paths.set(config.digest, image.config);
    const { diffIds } = parseImageConfig(configBytes, `${this.name}, ${quoted(image.config)}`);
    const layers: Descriptor[] = [];
    // Where the counts differ resolve_image.ts says so.
    for (const [at, path] of image.layers.entries()) layers.push(await this.#layer(path, diffIds[at]));
    const bytes = new TextEncoder().encode(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: DOCKER_MANIFEST,
        config: written(config),
        layers: layers.map(written),
      }),
    );
    return { bytes, descriptor: describe(bytes, DOCKER_MANIFEST) };
  }

  async #images(): Promise<readonly SavedImage[]> {
    const bytes = await readDocument(this.#files, "manifest.json", LARGEST_MANIFEST);
    return JsonView.parseList(bytes, `${this.#files.name}, manifest.json`, LARGEST_MANIFEST)
      .items(MOST_IMAGES)
      .map((view) => ({
        config: view.field("Config").text(4096),
        layers: (view.optional("Layers")?.items(MOST_LAYERS) ?? []).map((layer) => layer.text(4096)),
        tags: (view.optional("RepoTags")?.items(MOST_IMAGES) ?? []).map((tag) => tag.text(1024)),
      }));
  }

  #choose(images: readonly SavedImage[]): SavedImage {
    const wanted = this.#reference;
    const found = wanted ? images.filter(({ tags }) => tags.some((tag) => isSame(tag, wanted))) : images;
    const [first] = found;
    if (first && found.length === 1) return first;
    const tags = images.flatMap((image) => image.tags).slice(0, 12);
    const hint = tags.length > 0 ? `It holds ${tags.map(quoted).join(", ")}` : "";
    const reason = found.length === 0 ? "there is no such image in the archive" : `it holds ${found.length} images`;
    throw new OciError(found.length === 0 ? "absent" : "reference", this.name, reason, hint);
  }

  /** A layer that is plain tar has its diff id for a digest; another has to be hashed. */
  async #layer(path: string, diffId: Digest | undefined): Promise<Descriptor> {
    const size = this.#files.size(path);
    if (size === undefined) throw new OciError("absent", this.name, `there is no layer ${quoted(path)} in it`);
    const compression = await this.#compression(path);
    const digest = compression === "none" && diffId !== undefined ? diffId : await this.#hash(path);
    this.#paths.set(digest, path);
    const mediaType = compression === "none" ? DOCKER_LAYER : `${DOCKER_LAYER}.${compression}`;
    return { mediaType, digest, size, annotations: {}, platform: undefined };
  }

  async #compression(path: string): Promise<LayerCompression> {
    try {
      for await (const chunk of this.#files.read(path, 0)) return layerCompression(chunk);
      return "none";
    } catch (error) {
      if (error instanceof TarError) throw new OciError("document", `${this.name}, ${quoted(path)}`, error.reason);
      throw error;
    }
  }

  async #hash(path: string): Promise<Digest> {
    const hasher = new Bun.CryptoHasher("sha256");
    for await (const chunk of this.#files.read(path, 0)) hasher.update(chunk);
    return `sha256:${hasher.digest("hex")}`;
  }
}

function written({ mediaType, size, digest }: Descriptor) {
  return { mediaType, size, digest };
}

function isSame(tag: string, wanted: Reference): boolean {
  try {
    return canonicalText(parseReference(tag)) === canonicalText(wanted);
  } catch (error) {
    if (error instanceof OciError) return false;
    throw error;
  }
}

/** xz is no media type of a layer (OCI image-spec, layer.md). */
function layerCompression(head: Uint8Array): LayerCompression {
  const found = compressionOf(head.subarray(0, MAGIC_LENGTH));
  if (found === "xz") throw new TarError("a layer may be plain, gzip or zstd, not xz", 0);
  return found;
}
