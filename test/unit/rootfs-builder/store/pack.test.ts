// A packed tree is what an unpacked one was, and its digest is that of the bytes.
import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, open } from "../../../../ffi/file.ts";
import type { JobResults } from "../../../../rootfs-builder/store/job.ts";
import { performJob } from "../../../../rootfs-builder/store/perform_job.ts";
import { TemporaryFolder } from "../../../fixtures/rootfs-builder/temporary_folder.ts";

async function packed(path: string, archive: string): Promise<JobResults["pack"]> {
  using root = open(path, O_RDONLY | O_DIRECTORY);
  using file = open(archive, O_RDWR | O_CREAT, 0o600);
  const [rootFd, archiveFd] = [root.number, file.number];
  return await performJob({
    kind: "pack",
    root: rootFd,
    archive: archiveFd,
    whiteouts: "overlay",
    object: "the tree",
  });
}

describe("pack", () => {
  test("the archive has the digest and the size that are told, and root owns what is the caller's", async () => {
    using folder = new TemporaryFolder();
    const tree = join(folder.path, "tree");
    mkdirSync(join(tree, "a"), { recursive: true });
    writeFileSync(join(tree, "a/large"), new Uint8Array(3 << 20).fill(7));
    for (let count = 0; count < 3000; count++) writeFileSync(join(tree, `a/${count}`), `${count}`);
    symlinkSync("large", join(tree, "a/link"));
    const archive = join(folder.path, "archive");
    const { diffID, size } = await packed(tree, archive);
    const bytes = readFileSync(archive);
    expect(size).toBe(bytes.length);
    expect(diffID).toBe(`sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`);
    const listed = execFileSync("tar", ["--numeric-owner", "-tvf", archive], { encoding: "utf8" }).trim().split("\n");
    expect(listed).toHaveLength(3004);
    expect(listed.filter((line) => line.split(/\s+/)[1] !== "0/0")).toEqual([]);
  });

  test("the same tree gives the same archive", async () => {
    using folder = new TemporaryFolder();
    const tree = join(folder.path, "tree");
    mkdirSync(tree);
    for (const name of ["b", "a", "c"]) writeFileSync(join(tree, name), name);
    expect(await packed(tree, join(folder.path, "1"))).toEqual(await packed(tree, join(folder.path, "2")));
  });
});
