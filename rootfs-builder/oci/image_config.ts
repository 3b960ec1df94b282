// An image's configuration: what it was made for, how it is to be run, and the digests of its layers once decompressed
// (OCI image-spec, config.md). Values are of the right type here, and no more; run_defaults.ts judges them.
import { parseDigestField } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import { JsonView } from "./json_view.ts";
import { MOST_LAYERS } from "./manifest.ts";
import { normalized, type Platform } from "./platform.ts";

export type ImageConfig = {
  readonly platform: Platform;
  /** RFC 3339, as written. */
  readonly created: string | undefined;
  readonly author: string | undefined;
  readonly config: ExecutionConfig;
  /** Of the layers as tar, lowest first. */
  readonly diffIds: readonly Digest[];
  readonly history: readonly HistoryEntry[];
};

/** The part of the same name, its keys spelled our way. */
export type ExecutionConfig = {
  readonly user: string;
  readonly env: readonly string[];
  /** `undefined` where there is none: an empty list is one. */
  readonly entrypoint: readonly string[] | undefined;
  readonly cmd: readonly string[] | undefined;
  readonly workingDir: string;
  readonly volumes: readonly string[];
  readonly exposedPorts: readonly string[];
  readonly stopSignal: string;
  readonly labels: Readonly<Record<string, string>>;
};

export type HistoryEntry = {
  readonly created: string | undefined;
  readonly createdBy: string | undefined;
  readonly comment: string | undefined;
  readonly emptyLayer: boolean;
};

export const LARGEST_CONFIG = 4 * 2 ** 20;
const MOST_ITEMS = 10_000;

export function parseImageConfig(bytes: Uint8Array, where: string): ImageConfig {
  const view = JsonView.parse(bytes, where, LARGEST_CONFIG);
  const text = (name: string): string | undefined => view.optional(name)?.text();
  return {
    platform: normalized(view.field("os").text(64), view.field("architecture").text(64), text("variant") || undefined),
    created: text("created"),
    author: text("author"),
    config: parseExecution(view.optional("config")),
    diffIds: parseDiffIds(view.field("rootfs")),
    history: (view.optional("history")?.items(MOST_ITEMS) ?? []).map(parseHistory),
  };
}

function parseDiffIds(view: JsonView): readonly Digest[] {
  const type = view.optional("type");
  if (type !== undefined && type.text() !== "layers") throw type.refuse('is not "layers"');
  return (view.optional("diff_ids")?.items(MOST_LAYERS) ?? []).map(parseDigestField);
}

function parseExecution(view: JsonView | undefined): ExecutionConfig {
  const texts = (name: string): string[] | undefined =>
    view
      ?.optional(name)
      ?.items(MOST_ITEMS)
      .map((item) => item.text(LONGEST_ARGUMENT));
  const keys = (name: string): string[] => (view?.optional(name)?.entries(MOST_ITEMS) ?? []).map(([key]) => key);
  const labels = view?.optional("Labels")?.entries(MOST_ITEMS) ?? [];
  return {
    user: view?.optional("User")?.text() ?? "",
    env: texts("Env") ?? [],
    entrypoint: texts("Entrypoint"),
    cmd: texts("Cmd"),
    workingDir: view?.optional("WorkingDir")?.text() ?? "",
    volumes: keys("Volumes"),
    exposedPorts: keys("ExposedPorts"),
    stopSignal: view?.optional("StopSignal")?.text() ?? "",
    labels: Object.fromEntries(labels.map(([name, value]) => [name, value.text(LARGEST_CONFIG)])),
  };
}

/** MAX_ARG_STRLEN of execve(2): one longer could never be passed on. */
const LONGEST_ARGUMENT = 131_071;

function parseHistory(view: JsonView): HistoryEntry {
  const text = (name: string): string | undefined => view.optional(name)?.text(LARGEST_CONFIG);
  return {
    created: text("created"),
    createdBy: text("created_by"),
    comment: text("comment"),
    emptyLayer: view.optional("empty_layer")?.boolean() ?? false,
  };
}
