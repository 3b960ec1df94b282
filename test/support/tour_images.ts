// The images that the tests of `sandbox image` share, on Alpine's own tree: every kind of change between layers, a configuration with
// everything in it, and as many layers as an overlay takes.
import { readFileSync } from "node:fs";
import { minirootfs } from "../fixtures/rootfs-builder/minirootfs.ts";
import { tar } from "../fixtures/rootfs-builder/tar_writer.ts";
import { type LayoutImage, writeImages } from "./image_layout.ts";
import type { Workspace } from "./workspace.ts";

export const DEEPEST = 128;

/** Below `oci:FOLDER`: `base`, `app` and `other` on it, and `deep` of {@link DEEPEST} layers. */
export function tourLayout(here: Workspace): {
  readonly layout: string;
  readonly digests: ReadonlyMap<string, string>;
} {
  const layout = here.folder("layout");
  const base = Bun.gunzipSync(readFileSync(minirootfs ?? ""));
  const middle = tar(
    { name: "srv/a/", type: "5", mode: 0o755 },
    { name: "srv/a/one", content: "1" },
    { name: "srv/a/two", content: "2" },
    { name: "turned/", type: "5", mode: 0o755 },
    { name: "turned/inside", content: "x" },
    { name: "linked", content: "same" },
    { name: "link", type: "1", linkname: "linked" },
    { name: "private", content: "secret", mode: 0o600 },
  );
  const top = tar(
    { name: "etc/hi", content: "hello\n", mode: 0o644 },
    { name: "etc/.wh.motd" },
    { name: "srv/a/", type: "5", mode: 0o711 },
    { name: "srv/a/.wh..wh..opq" },
    { name: "srv/a/three", content: "3" },
    { name: "turned", content: "a file now" },
    { name: "entry", content: '#!/bin/sh\necho "$@" $GREETING $(id -u) $(pwd)\n', mode: 0o755 },
  );
  const images: readonly LayoutImage[] = [
    { tag: "base", layers: [base], config: { Cmd: ["cat", "/etc/alpine-release"] } },
    {
      tag: "app",
      layers: [base, middle, top],
      config: {
        Entrypoint: ["/entry"],
        Cmd: ["from", "cmd"],
        Env: ["PATH=/usr/bin:/bin", "GREETING=hey"],
        User: "65534",
        WorkingDir: "/srv",
        Labels: { evil: "a\x1b[31mb\u202ec" },
      },
      history: [
        { created: "2020-01-01T00:00:00Z", created_by: "ADD alpine" },
        { created_by: "ENV \x1b]0;title\x07", empty_layer: true },
        { created_by: "COPY middle" },
        { created_by: "COPY top", comment: "the last" },
      ],
    },
    { tag: "other", layers: [base, tar({ name: "other", content: "o" })], config: {} },
    { tag: "deep", layers: [base, ...numbered()], config: { Cmd: ["sh", "-c", "ls /n | wc -l; cat /n/last"] } },
  ];
  return { layout, digests: writeImages(layout, images) };
}

/** Each adds a file, replaces one, and takes away the one before, in turns. */
function numbered(): readonly Uint8Array[] {
  return Array.from({ length: DEEPEST - 1 }, (_, at) =>
    tar(
      { name: `n/f${at}`, content: String(at) },
      { name: "n/last", content: String(at) },
      ...(at % 3 === 2 ? [{ name: `n/.wh.f${at - 1}` }] : []),
    ),
  );
}
