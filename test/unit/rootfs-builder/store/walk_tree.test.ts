import { describe, expect, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync, rmdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { O_DIRECTORY, O_RDONLY, open } from "../../../../ffi/file.ts";
import { inspect } from "../../../../ffi/node_at.ts";
import { makeDirectory } from "../../../../ffi/path_at.ts";
import { measureTree } from "../../../../rootfs-builder/store/measure_tree.ts";
import { DEEPEST, enterFolder, walkTree } from "../../../../rootfs-builder/store/walk_tree.ts";
import { TemporaryFolder } from "../../../fixtures/rootfs-builder/temporary_folder.ts";

function folderOf(path: string) {
  return open(path, O_RDONLY | O_DIRECTORY);
}

function paths(path: string): readonly string[] {
  using root = folderOf(path);
  const found: string[] = [];
  walkTree(root.number, (visited) => found.push(visited.path));
  return found;
}

describe("walkTree", () => {
  test("goes by the bytes of names, a folder before what is in it, and follows no link", () => {
    using folder = new TemporaryFolder();
    for (const name of ["b", "a/z", "a/B", "a.b"]) mkdirSync(join(folder.path, name), { recursive: true });
    symlinkSync("/", join(folder.path, "link"));
    expect(paths(folder.path)).toEqual(["", "a", "a/B", "a/z", "a.b", "b", "link"]);
    expect(paths(folder.path)).toEqual(paths(folder.path));
  });

  test("reads folders that their owner may not read, and leaves them so", () => {
    using folder = new TemporaryFolder();
    mkdirSync(join(folder.path, "closed/inside"), { recursive: true });
    chmodSync(join(folder.path, "closed"), 0);
    expect(paths(folder.path)).toEqual(["", "closed", "closed/inside"]);
    expect(statSync(join(folder.path, "closed")).mode & 0o777).toBe(0);
  });

  test("a link that takes the place of a closed folder leads nowhere, and what it leads to keeps its mode", () => {
    using folder = new TemporaryFolder();
    using outside = new TemporaryFolder();
    mkdirSync(join(outside.path, "target"));
    chmodSync(join(outside.path, "target"), 0o300);
    for (const name of ["a", "b"]) mkdirSync(join(folder.path, name));
    chmodSync(join(folder.path, "b"), 0);
    using root = folderOf(folder.path);
    using swapped = folderOf(outside.path);
    const name = new TextEncoder().encode("target");
    const node = inspect(root.number, new TextEncoder().encode("b"));
    if (!node) throw new Error("no folder");
    // What was looked at is b; in its place there are another folder, then a link to one.
    expect(() => enterFolder(swapped.number, name, node)).toThrow("ENOENT");
    rmdirSync(join(folder.path, "b"));
    symlinkSync(join(outside.path, "target"), join(folder.path, "b"));
    expect(() => enterFolder(root.number, new TextEncoder().encode("b"), node)).toThrow(/ELOOP|ENOENT/);
    expect(statSync(join(outside.path, "target")).mode & 0o777).toBe(0o300);
  });

  test("a name that is gone is an error, or is passed over on request", () => {
    using folder = new TemporaryFolder();
    const make = (): void => {
      for (const name of ["a", "b", "c/d"]) mkdirSync(join(folder.path, name), { recursive: true });
    };
    using root = folderOf(folder.path);
    const walk = (missing: "fail" | "skip"): readonly string[] => {
      make();
      const found: string[] = [];
      const visit = ({ path }: { readonly path: string }): void => {
        found.push(path);
        if (path === "a") rmSync(join(folder.path, "b"), { recursive: true });
        if (path === "c") rmSync(join(folder.path, "c"), { recursive: true });
      };
      walkTree(root.number, visit, missing);
      return found;
    };
    expect(() => walk("fail")).toThrow("statx b: ENOENT");
    expect(walk("skip")).toEqual(["", "a", "c"]);
  });

  test("a tree that goes too deep is an error, and no crash", () => {
    using folder = new TemporaryFolder();
    let at = folderOf(folder.path);
    for (let depth = 0; depth <= DEEPEST; depth++) {
      makeDirectory(at.number, new TextEncoder().encode("d"), 0o700);
      const deeper = open("d", O_RDONLY | O_DIRECTORY, 0, at.number);
      at.close();
      at = deeper;
    }
    at.close();
    expect(() => paths(folder.path)).toThrow("ENAMETOOLONG");
  });
});

test("a file with several names is counted once", () => {
  using folder = new TemporaryFolder();
  writeFileSync(join(folder.path, "one"), "x".repeat(10_000));
  using root = folderOf(folder.path);
  const before = measureTree(root.number);
  linkSync(join(folder.path, "one"), join(folder.path, "two"));
  expect(measureTree(root.number)).toEqual(before);
});
