// Layers as one tree, against what the kernel's overlayfs would show of them (overlayfs.rst).
import { describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { O_DIRECTORY, O_RDONLY, O_RDWR, open } from "../../../ffi/file.ts";
import { setxattr } from "../../../ffi/xattr.ts";
import { readTree } from "../../../rootfs-builder/tar/tree_reader.ts";
import { TemporaryFolder } from "../../fixtures/rootfs-builder/temporary_folder.ts";

type Layer = Readonly<Record<string, string>>;

/** Names ending in a slash are folders; `!` is a whiteout, `opaque` marks a folder, `->x` a link, `=x` a hard link. */
function make(root: string, layer: Layer): void {
  mkdirSync(root);
  for (const [name, content] of Object.entries(layer)) {
    const path = join(root, name);
    mkdirSync(name.endsWith("/") ? path : dirname(path), { recursive: true });
    if (content === "opaque") mark(path, "user.overlay.opaque", "y", O_RDONLY);
    else if (name.endsWith("/")) continue;
    else if (content.startsWith("->")) symlinkSync(content.slice(2), path);
    else if (content.startsWith("=")) linkSync(join(root, content.slice(1)), path);
    else writeFileSync(path, content === "!" ? "" : content);
    if (content === "!") mark(path, "user.overlay.whiteout", "", O_RDWR);
  }
}

function mark(path: string, name: string, value: string, flags: number): void {
  using fd = open(path, flags);
  expect(setxattr(fd.number, name, new TextEncoder().encode(value))).toBe(0);
}

/** `layers`, the topmost first. */
function merged(...layers: readonly Layer[]): Record<string, string> {
  using folder = new TemporaryFolder();
  using stack = new DisposableStack();
  layers.forEach((layer, at) => {
    make(join(folder.path, String(at)), layer);
  });
  const roots = layers.map((_, at) => stack.use(open(join(folder.path, String(at)), O_RDONLY | O_DIRECTORY)).number);
  const [top = -1, ...below] = roots;
  const shown: Record<string, string> = {};
  for (const entry of readTree(top, { below })) {
    const name = `${Buffer.from(entry.name).toString()}${entry.type === "directory" ? "/" : ""}`;
    if (entry.type === "file") shown[name] = Buffer.concat([...(entry.content as Iterable<Uint8Array>)]).toString();
    else shown[name] = "linkname" in entry ? `${entry.type} ${Buffer.from(entry.linkname).toString()}` : "";
  }
  return shown;
}

describe("readTree with layers below", () => {
  test("folders are merged, files are the topmost's, names in order", () => {
    const shown = merged(
      { "a/new": "3", z: "top" },
      { "a/both": "2" },
      { "a/both": "1", "a/old": "1", b: "1", z: "low" },
    );
    expect(Object.entries(shown)).toEqual([
      ["/", ""],
      ["a/", ""],
      ["a/both", "2"],
      ["a/new", "3"],
      ["a/old", "1"],
      ["b", "1"],
      ["z", "top"],
    ]);
  });

  test("whiteouts hide what is below, and are not shown themselves", () => {
    expect(merged({ gone: "!", "d/x": "!" }, { gone: "1", "d/x": "1", "d/y": "2", "never/": "" })).toEqual({
      "/": "",
      "d/": "",
      "d/y": "2",
      "never/": "",
    });
    expect(merged({ alone: "!" })).toEqual({ "/": "" });
    expect(merged({}, { gone: "!" }, { gone: "1" })).toEqual({ "/": "" });
  });

  test("what comes back above a whiteout is alone", () => {
    expect(merged({ "d/new": "3" }, { d: "!" }, { "d/old": "1" })).toEqual({ "/": "", "d/": "", "d/new": "3" });
  });

  test("an opaque folder hides those below it", () => {
    expect(merged({ "d/top": "3" }, { "d/": "opaque", "d/mid": "2" }, { "d/old": "1" })).toEqual({
      "/": "",
      "d/": "",
      "d/mid": "2",
      "d/top": "3",
    });
  });

  test("a file in a folder's place hides it, and a folder in a file's place does not show it", () => {
    expect(merged({ x: "file" }, { "x/in": "1" })).toEqual({ "/": "", x: "file" });
    expect(merged({ "x/in": "2" }, { x: "file" }, { "x/old": "1" })).toEqual({ "/": "", "x/": "", "x/in": "2" });
    expect(merged({ x: "->etc" }, { "x/in": "1" })).toEqual({ "/": "", x: "symlink etc" });
  });

  test("a hard link whose first name is hidden is a file", () => {
    expect(merged({ a: "!" }, { a: "same", b: "=a", c: "=a" })).toEqual({ "/": "", b: "same", c: "hardlink b" });
  });
});
