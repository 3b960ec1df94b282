// What a pull is doing, told to whoever waits: a line a layer, redrawn in place on a terminal, once a stage elsewhere. Nothing is
// said of an image that is there already.
import { windowSize } from "../../ffi/terminal.ts";
import type { PullProgress } from "../../rootfs-builder/pull_image.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import { toStderr } from "./say.ts";

const REDRAW_EVERY = 50;
const BAR_WIDTH = 24;
const SHORT = 12;

type Layer = { readonly id: string; state: string; bytes: number; total: number };

export function pullReporter({ isTerminal }: Pick<HostLookups, "isTerminal">): (progress: PullProgress) => void {
  return isTerminal(2) ? onTerminal() : asLines();
}

function onTerminal(): (progress: PullProgress) => void {
  const layers = new Map<string, Layer>();
  let [drawn, last] = [0, 0];
  const draw = (): void => {
    const size = windowSize(2);
    const columns = size ? (size[2] ?? 0) + (size[3] ?? 0) * 256 || 80 : 80;
    const lines = [...layers.values()].map((layer) => `\x1b[K${lineOf(layer).slice(0, columns - 1)}\n`);
    toStderr(`${drawn > 0 ? `\x1b[${drawn}A` : ""}${lines.join("")}`);
    drawn = lines.length;
    last = Date.now();
  };
  return (progress) => {
    apply(layers, progress);
    if (layers.size === 0) return;
    if (progress.kind === "download" && progress.bytes < progress.total && Date.now() - last < REDRAW_EVERY) return;
    draw();
  };
}

function apply(layers: Map<string, Layer>, progress: PullProgress): void {
  if (progress.kind === "resolved")
    for (const { digest, size } of progress.layers)
      layers.set(digest, { id: short(digest), state: "waits", bytes: 0, total: size });
  if (!("layer" in progress)) return;
  const layer = layers.get(progress.layer);
  if (!layer) return;
  layer.state = STATES[progress.kind];
  if (progress.kind === "download") layer.bytes = progress.bytes;
}

const STATES = {
  waiting: "waits for another process",
  cached: "is in the store",
  unpack: "is being unpacked",
  done: "is complete",
  download: "",
} as const;

function lineOf({ id, state, bytes, total }: Layer): string {
  if (state !== "") return `${id}  ${state}`;
  const filled = Math.round(Math.min(1, bytes / Math.max(1, total)) * BAR_WIDTH);
  const bar = "#".repeat(filled) + "-".repeat(BAR_WIDTH - filled);
  return `${id}  [${bar}] ${(bytes / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`;
}

function asLines(): (progress: PullProgress) => void {
  const begun = new Set<string>();
  return (progress) => {
    if (progress.kind === "download" && !begun.has(progress.layer)) {
      begun.add(progress.layer);
      toStderr(`Downloading ${short(progress.layer)}, ${(progress.total / 1e6).toFixed(1)} MB\n`);
    }
    if (progress.kind === "waiting") toStderr(`Waiting for another process that makes ${short(progress.layer)}\n`);
  };
}

function short(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1).slice(0, SHORT);
}
