// An image made of another one: its layers, one more where there is one, and a configuration that says so (OCI image-spec, config.md and
// manifest.md). Pure. No time of day: the same step gives the same image.
import type { StoredDescriptor } from "../store/blobs.ts";
import type { StoredLayer } from "../store/images.ts";
import type { ContentDigest } from "../store/layout.ts";

export type BaseImage = {
  readonly layers: readonly StoredLayer[];
  /** Its config.json as it is: what this program has no word for is kept. */
  readonly config: Readonly<Record<string, unknown>>;
};

export type Derivation = {
  readonly layer: StoredLayer | undefined;
  /** `NAME=VALUE`, on top of what the base has. */
  readonly env: readonly string[];
  /** For the history. */
  readonly createdBy: string;
};

export type DerivedImage = {
  readonly manifestDescriptor: StoredDescriptor;
  readonly manifestBytes: Uint8Array;
  readonly manifest: { readonly config: StoredDescriptor };
  readonly configBytes: Uint8Array;
  readonly layers: readonly { readonly descriptor: StoredDescriptor; readonly diffId: ContentDigest }[];
};

const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar";
export const ZSTD_LAYER_TYPE = `${LAYER_TYPE}+zstd`;
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
/** Docker's names for the same bytes, which have no place in a manifest of the OCI's. */
const DOCKER_TYPES: Readonly<Record<string, string>> = {
  "application/vnd.docker.image.rootfs.diff.tar": LAYER_TYPE,
  "application/vnd.docker.image.rootfs.diff.tar.gzip": `${LAYER_TYPE}+gzip`,
  "application/vnd.docker.image.rootfs.diff.tar.zstd": ZSTD_LAYER_TYPE,
};

export function deriveImage(base: BaseImage, { layer, env, createdBy }: Derivation): DerivedImage {
  const layers = [...base.layers, ...(layer ? [layer] : [])].map(({ diffID, digest, size, mediaType }) => ({
    descriptor: { mediaType: DOCKER_TYPES[mediaType] ?? mediaType, digest, size },
    diffId: diffID,
  }));
  const entry = { created_by: createdBy, ...(layer ? {} : { empty_layer: true }) };
  const configBytes = json({
    ...base.config,
    config: withEnv(tableOf(base.config.config), env),
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: [...historyOf(base), entry],
  });
  const config = describe(configBytes, CONFIG_TYPE);
  const descriptors = layers.map(({ descriptor }) => descriptor);
  const manifestBytes = json({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers: descriptors });
  const manifestDescriptor = describe(manifestBytes, MANIFEST_TYPE);
  return { manifestDescriptor, manifestBytes, manifest: { config }, configBytes, layers };
}

/** The later of two values of a variable counts, at the place of the first. */
export function mergeEnv(base: readonly string[], more: readonly string[]): readonly string[] {
  const values = new Map([...base, ...more].map((entry) => [entry.split("=", 1)[0] ?? "", entry]));
  return [...values.values()];
}

function withEnv(config: Readonly<Record<string, unknown>>, env: readonly string[]): Readonly<Record<string, unknown>> {
  if (env.length === 0) return config;
  const own = Array.isArray(config.Env) ? config.Env.filter((entry) => typeof entry === "string") : [];
  return { ...config, Env: mergeEnv(own, env) };
}

/** Entries that are no empty layers stand for the layers one by one: a history that tells of others is of no use to add to. */
function historyOf({ layers, config }: BaseImage): readonly unknown[] {
  const history: readonly unknown[] = Array.isArray(config.history) ? config.history : [];
  const filled = history.filter((entry) => tableOf(entry).empty_layer !== true).length;
  return filled === layers.length ? history : layers.map(() => ({}));
}

function tableOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function describe(bytes: Uint8Array, mediaType: string): StoredDescriptor {
  const digest: ContentDigest = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
  return { mediaType, digest, size: bytes.length };
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
