import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, open } from "../../../ffi/file.ts";
import { fgetxattr, listxattr } from "../../../ffi/xattr.ts";
import { type Extraction, type ExtractOptions, extract } from "../../../rootfs-builder/tar/extract.ts";
import { TarError } from "../../../rootfs-builder/tar/tar_error.ts";
import { readTree } from "../../../rootfs-builder/tar/tree_reader.ts";
import { writeTar } from "../../../rootfs-builder/tar/writer.ts";
import { concat, type Member, pax, tar } from "../../fixtures/rootfs-builder/tar_writer.ts";
import { TemporaryFolder } from "../../fixtures/rootfs-builder/temporary_folder.ts";

class Scene extends TemporaryFolder {
  readonly root: string = join(this.path, "root");

  constructor() {
    super();
    mkdirSync(this.root);
  }

  async unpack(options: ExtractOptions, ...members: readonly Member[]): Promise<Extraction> {
    return await this.unpackBytes(options, tar(...members));
  }

  async unpackBytes(options: ExtractOptions, bytes: Uint8Array): Promise<Extraction> {
    using root = open(this.root, O_RDONLY | O_DIRECTORY);
    return await extract(one(bytes), root.number, options);
  }

  xattrs(name: string): Record<string, string> {
    using fd = open(join(this.root, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const names = listxattr(fd.number, name).filter((xattr) => xattr.startsWith("user."));
    return Object.fromEntries(names.map((xattr) => [xattr, Buffer.from(fgetxattr(fd.number, name, xattr)).toString()]));
  }

  async archive(owner?: { readonly uid: number; readonly gid: number }): Promise<Uint8Array> {
    using root = open(this.root, O_RDONLY | O_DIRECTORY);
    return concat(...(await Array.fromAsync(writeTar(readTree(root.number, { owner })))));
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Each attribute in the record that the reader takes it from. */
function xattrs(attributes: Readonly<Record<string, string>>): Member {
  return pax(Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`SCHILY.xattr.${name}`, value])));
}

describe("extended attributes", () => {
  test("of users are kept on files and folders, also where nobody may write", async () => {
    using scene = new Scene();
    const result = await scene.unpack(
      {},
      xattrs({ "user.a": "1", "user.empty": "" }),
      { name: "f", content: "x", mode: 0o400 },
      xattrs({ "user.b": "2" }),
      { name: "d/", type: "5", mode: 0o500 },
      { name: "d/e", content: "y" },
    );
    expect(scene.xattrs("f")).toEqual({ "user.a": "1", "user.empty": "" });
    expect(scene.xattrs("d")).toEqual({ "user.b": "2" });
    expect(result.skippedXattrs).toEqual(new Map());
  });

  test("of other namespaces, and on links and fifos, are left out and counted", async () => {
    using scene = new Scene();
    const all = { "trusted.x": "1", "system.posix_acl_access": "2", "security.selinux": "3", odd: "4", "user.a": "5" };
    const { skippedXattrs } = await scene.unpack(
      {},
      xattrs(all),
      { name: "f" },
      xattrs({ "user.a": "1" }),
      { name: "l", type: "2", linkname: "f" },
      xattrs({ "user.a": "1" }),
      { name: "p", type: "6" },
    );
    expect(scene.xattrs("f")).toEqual({ "user.a": "5" });
    expect(Object.fromEntries(skippedXattrs)).toEqual({ trusted: 1, system: 1, security: 1, other: 1, user: 2 });
  });

  test("of overlayfs are escaped, and an owner is not forged", async () => {
    using scene = new Scene();
    const { skippedXattrs } = await scene.unpack(
      { whiteouts: "overlay" },
      xattrs({
        "user.overlay.redirect": "/etc",
        "user.overlay.overlay.opaque": "y",
        "trusted.overlay.opaque": "y",
        "user.containers.override_stat": "0:0:04755",
      }),
      { name: "d/", type: "5" },
    );
    expect(scene.xattrs("d")).toEqual({
      "user.overlay.overlay.redirect": "/etc",
      "user.overlay.overlay.overlay.opaque": "y",
    });
    expect(Object.fromEntries(skippedXattrs)).toEqual({ trusted: 1, user: 1 });
  });

  test("larger than the system takes are refused by name", async () => {
    using scene = new Scene();
    const members = (attributes: Record<string, string>): readonly Member[] => [xattrs(attributes), { name: "f" }];
    const refused = scene.unpack({}, ...members({ "user.big": "x".repeat(70_000) }));
    await expect(refused).rejects.toThrow('"f": its extended attribute user.big is larger');
    await expect(scene.unpack({}, ...members({ [`user.${"n".repeat(255)}`]: "" }))).rejects.toBeInstanceOf(TarError);
  });
});

describe("ownership", () => {
  const owned = (uid: string, gid: string): Member => pax({ uid, gid });

  test("is recorded where it cannot be had, with the mode, and comes back out", async () => {
    using scene = new Scene();
    await scene.unpack(
      { ownership: "record" },
      owned("0", "42"),
      { name: "f", content: "x", mode: 0o4750 },
      owned("70000", "0"),
      { name: "d/", type: "5", mode: 0o1777 },
      { name: "d/l", type: "2", linkname: "x" },
    );
    expect(scene.xattrs("f")).toEqual({ "user.containers.override_stat": "0:42:04750" });
    expect(scene.xattrs("d")).toEqual({ "user.containers.override_stat": "70000:0:01777" });
    expect(lstatSync(join(scene.root, "f")).uid).toBe(process.getuid?.() ?? -1);

    using copy = new Scene();
    await copy.unpackBytes({ ownership: "record" }, await scene.archive({ uid: 5, gid: 6 }));
    expect(copy.xattrs("f")).toEqual(scene.xattrs("f"));
    expect(copy.xattrs("d")).toEqual(scene.xattrs("d"));
    // The root has no record: it is whose the caller says.
    expect(copy.xattrs(".")).toEqual({ "user.containers.override_stat": "5:6:0755" });
  });

  test("that is not among the ids of the namespace is refused", async () => {
    using scene = new Scene();
    const refused = scene.unpack({ ownership: "set" }, owned("4294967295", "4294967296"), { name: "f" });
    await expect(refused).rejects.toThrow("its owner 4294967295:4294967296 is no id");
  });

  test("is not touched by default", async () => {
    using scene = new Scene();
    await scene.unpack({}, owned("12345", "12345"), { name: "f" });
    expect(lstatSync(join(scene.root, "f"))).toMatchObject({ uid: process.getuid?.(), gid: process.getgid?.() });
    expect(scene.xattrs("f")).toEqual({});
  });
});

describe("sparse files", () => {
  const hole = (size: number, map: string, content: string): readonly Member[] => [
    pax({ "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": `${size}`, "GNU.sparse.map": map }),
    { name: "s", content },
  ];

  test("keep their holes", async () => {
    using scene = new Scene();
    await scene.unpack({}, ...hole(1e9, "1000000,3,500000000,1", "abcd"));
    const { size, blocks } = statSync(join(scene.root, "s"));
    expect(size).toBe(1e9);
    expect(blocks).toBeLessThan(2000);
    const head = execFileSync("head", ["-c", "1000003", join(scene.root, "s")], { maxBuffer: 2e6 });
    expect(head.subarray(-4).toString()).toBe("\0abc");
  });

  test("read as zeros where nothing is stored, at the start, between and at the end", async () => {
    using scene = new Scene();
    await scene.unpack({}, ...hole(8, "2,1,5,1", "ab"));
    expect(readFileSync(join(scene.root, "s"), "latin1")).toBe("\0\0a\0\0b\0\0");
  });

  test("count with their holes against the limit of bytes", async () => {
    using scene = new Scene();
    const limits = { bytes: 1e6, entries: 9 };
    await expect(scene.unpack({ limits }, ...hole(1e15, "", ""))).rejects.toThrow("limit of 1000000 bytes");
  });
});

test("names longer than the limit are refused", async () => {
  using scene = new Scene();
  const limits = { bytes: 1e6, entries: 9, path: 5 };
  await scene.unpack({ limits }, { name: "abcde" });
  await expect(scene.unpack({ limits }, { name: "a/", type: "5" }, { name: "a/bcde" })).rejects.toThrow(
    "longer than 5 bytes",
  );
});
