// What a step's key depends on, and what it does not; and what an image that is made of another says of itself.
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { O_DIRECTORY, O_RDONLY, open } from "../../../../ffi/file.ts";
import { parseImageConfig } from "../../../../rootfs-builder/oci/image_config.ts";
import { parseReference } from "../../../../rootfs-builder/oci/reference.ts";
import { digestCopied, takeCopy } from "../../../../rootfs-builder/recipe/copied_tree.ts";
import { deriveImage } from "../../../../rootfs-builder/recipe/derived_image.ts";
import { isStageName, stageKey, stageName } from "../../../../rootfs-builder/recipe/stage_key.ts";
import { RootfsError } from "../../../../rootfs-builder/rootfs_error.ts";
import { TemporaryFolder } from "../../../fixtures/rootfs-builder/temporary_folder.ts";

class Source extends TemporaryFolder {
  constructor() {
    super();
    mkdirSync(join(this.path, "src/inner"), { recursive: true });
    writeFileSync(join(this.path, "src/a"), "one", { mode: 0o644 });
    writeFileSync(join(this.path, "src/inner/b"), "two");
    symlinkSync("a", join(this.path, "src/link"));
  }

  async digest(path = "src"): Promise<string> {
    return (await digestCopied(this.path, path)).digest;
  }
}

describe("a step's key", () => {
  test("tells apart what is cut differently, and what is on another base", () => {
    const keys = [
      stageKey("", ["ab", "c"]),
      stageKey("", ["a", "bc"]),
      stageKey("", ["abc"]),
      stageKey(stageKey("", []), ["abc"]),
      stageKey("", []),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) expect(isStageName(stageName(key))).toBe(true);
  });

  test("its name is none that an image's reference comes to", () => {
    expect(isStageName("docker.io/library/recipe:latest")).toBe(false);
    // 64 hex digits are a tag like any other, on Docker Hub's `recipe`; the store's name for that begins with the host.
    expect(parseReference(stageName("ab".repeat(32))).domain).toBe("docker.io");
  });
});

describe("the digest of what is copied", () => {
  test.each([
    ["a byte", (path: string) => writeFileSync(join(path, "src/a"), "onf")],
    ["a mode", (path: string) => chmodSync(join(path, "src/a"), 0o755)],
    ["a folder's mode", (path: string) => chmodSync(join(path, "src/inner"), 0o700)],
    ["a new name", (path: string) => writeFileSync(join(path, "src/c"), "")],
    ["a name less", (path: string) => rmSync(join(path, "src/inner/b"))],
    [
      "a link's target",
      (path: string) => {
        rmSync(join(path, "src/link"));
        symlinkSync("b", join(path, "src/link"));
      },
    ],
  ])("changes with %s", async (_, change) => {
    using source = new Source();
    const before = await source.digest();
    change(source.path);
    expect(await source.digest()).not.toBe(before);
  });

  test("does not change with times, nor with the place", async () => {
    using source = new Source();
    using other = new Source();
    utimesSync(join(source.path, "src/a"), 1, 1);
    expect(await source.digest()).toBe(await other.digest());
  });

  test("a file has one, and a link to it within the folder is it", async () => {
    using source = new Source();
    expect(await source.digest("src/link")).toBe(await source.digest("src/a"));
    expect(await digestCopied(source.path, "src/a")).toMatchObject({ kind: "file" });
  });

  test.each([
    ["nothing", "none"],
    ["a link that leads out", "out"],
    ["an absolute link", "absolute"],
    ["a path through a file", "src/a/b"],
  ])("%s is refused", async (_, path) => {
    using source = new Source();
    symlinkSync("../..", join(source.path, "out"));
    symlinkSync("/etc/passwd", join(source.path, "absolute"));
    expect(digestCopied(source.path, path)).rejects.toThrow(RootfsError);
  });

  test("what is copied is what was digested, and what has changed since is refused", async () => {
    using source = new Source();
    using into = new TemporaryFolder();
    const expected = await digestCopied(source.path, "src");
    mkdirSync(join(into.path, "1"));
    mkdirSync(join(into.path, "2"));
    using first = open(join(into.path, "1"), O_RDONLY | O_DIRECTORY);
    await takeCopy(source.path, "src", expected, first.number);
    expect(readdirSync(join(into.path, "1")).sort()).toEqual(["a", "inner", "link"]);
    expect(readFileSync(join(into.path, "1/inner/b"), "utf8")).toBe("two");
    writeFileSync(join(source.path, "src/a"), "changed");
    using second = open(join(into.path, "2"), O_RDONLY | O_DIRECTORY);
    expect(takeCopy(source.path, "src", expected, second.number)).rejects.toThrow("changed while it was being read");
  });
});

describe("an image made of another", () => {
  const layer = (text: string) => {
    const digest = `sha256:${text.repeat(32)}` as const;
    return { mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip", digest, diffID: digest, size: 1 };
  };
  const config = {
    os: "linux",
    architecture: "amd64",
    config: { Env: ["PATH=/bin", "A=1"], Labels: { x: "y" } },
    history: [{ created_by: "one" }, { created_by: "none", empty_layer: true }],
    "com.example.kept": 1,
  };

  test("keeps what the base says, and adds a layer, variables and history", () => {
    const made = deriveImage(
      { layers: [layer("ab")], config },
      { layer: layer("cd"), env: ["A=2", "B=3"], createdBy: "run" },
    );
    const parsed = parseImageConfig(made.configBytes, "x");
    expect(parsed.config.env).toEqual(["PATH=/bin", "A=2", "B=3"]);
    expect(parsed.config.labels).toEqual({ x: "y" });
    expect(parsed.diffIds).toHaveLength(2);
    expect(parsed.history.map(({ createdBy }) => createdBy)).toEqual(["one", "none", "run"]);
    expect(JSON.parse(new TextDecoder().decode(made.configBytes))["com.example.kept"]).toBe(1);
    expect(new TextDecoder().decode(made.manifestBytes)).not.toContain("docker");
  });

  test("a step that adds no layer is an empty one in the history", () => {
    const made = deriveImage({ layers: [layer("ab")], config }, { layer: undefined, env: ["C=1"], createdBy: "env" });
    const { history } = parseImageConfig(made.configBytes, "x");
    expect(history.filter(({ emptyLayer }) => !emptyLayer)).toHaveLength(1);
    expect(history.at(-1)?.emptyLayer).toBe(true);
  });
});
