// The configuration and manifest of an image with further layers on top of what it was, or of a new one (OCI image-spec, config.md and
// manifest.md). Pure: what is not known here (keys of other tools in the configuration) is kept as it is.
import { type ConfigChange, changeConfig } from "./change_config.ts";
import { describe } from "./image_source.ts";
import { DOCKER_CONFIG, DOCKER_MANIFEST, OCI_CONFIG, OCI_MANIFEST } from "./media_type.ts";
import type { Platform } from "./platform.ts";

export type LayerBlob = { readonly mediaType: string; readonly digest: string; readonly size: number };

export type NewLayer = {
  readonly blob: LayerBlob;
  readonly diffId: string;
  readonly createdBy: string;
  readonly comment?: string | undefined;
};

export type CommitRequest = {
  /** The image that the layers go on; `undefined` for none. */
  readonly base:
    | {
        readonly manifestType: string;
        readonly configBytes: Uint8Array;
        readonly layers: readonly { readonly blob: LayerBlob; readonly diffId: string }[];
      }
    | undefined;
  /** Of an image without a base. */
  readonly platform: Platform;
  readonly layers: readonly NewLayer[];
  readonly changes: readonly ConfigChange[];
  readonly author: string | undefined;
  /** RFC 3339. */
  readonly created: string;
};

/** As pullImage takes it. */
export function commitImage(request: CommitRequest) {
  const { base, layers } = request;
  const docker = base?.manifestType === DOCKER_MANIFEST;
  const all = [...(base?.layers ?? []), ...layers].map(({ blob, diffId }) => ({ descriptor: blob, diffId }));
  const configBytes = encode(configOf(request));
  const config = describe(configBytes, docker ? DOCKER_CONFIG : OCI_CONFIG);
  const mediaType = docker ? DOCKER_MANIFEST : OCI_MANIFEST;
  const manifestBytes = encode({
    schemaVersion: 2,
    mediaType,
    config: written(config),
    layers: all.map(({ descriptor }) => written(descriptor)),
  });
  return {
    manifestDescriptor: describe(manifestBytes, mediaType),
    manifestBytes,
    manifest: { config },
    configBytes,
    layers: all,
  };
}

function configOf({ base, platform, layers, changes, author, created }: CommitRequest): object {
  const old = base ? (JSON.parse(new TextDecoder().decode(base.configBytes)) as OldConfig) : undefined;
  const { os, architecture, variant } = platform;
  const diffIds = [...(base?.layers ?? []), ...layers].map(({ diffId }) => diffId);
  const added = layers.map(({ createdBy, comment }) => ({
    created,
    created_by: createdBy,
    ...(author !== undefined && { author }),
    ...(comment !== undefined && { comment }),
  }));
  return {
    ...(old ?? { architecture, os, ...(variant !== undefined && { variant }) }),
    created,
    ...(author !== undefined && { author }),
    config: changeConfig(old?.config ?? {}, changes),
    rootfs: { type: "layers", diff_ids: diffIds },
    history: [...wholeHistory(old?.history ?? [], base?.layers.length ?? 0), ...added],
  };
}

/** Of a configuration that parseImageConfig has taken. */
type OldConfig = {
  readonly config?: Readonly<Record<string, unknown>> | null;
  readonly history?: readonly HistoryEntry[] | null;
};

type HistoryEntry = { readonly empty_layer?: boolean };

/** A history need not tell of all layers. Readers take its steps for those of the lowest ones, so what is untold gets a step too. */
function wholeHistory(history: readonly HistoryEntry[], layers: number): readonly HistoryEntry[] {
  const told = history.filter(({ empty_layer }) => empty_layer !== true).length;
  return [...history, ...Array.from({ length: Math.max(0, layers - told) }, () => ({}))];
}

function written({ mediaType, digest, size }: LayerBlob): LayerBlob {
  return { mediaType, digest, size };
}

function encode(document: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document));
}
