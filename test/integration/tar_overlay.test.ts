// Layers unpacked for overlayfs, seen through a real mount of it in a user namespace.
import { describe, expect } from "bun:test";
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { O_DIRECTORY, O_RDONLY, open } from "../../ffi/file.ts";
import { WhiteoutMarks } from "../../rootfs-builder/tar/whiteout_marks.ts";
import { type Member, pax, tar } from "../fixtures/rootfs-builder/tar_writer.ts";
import { TemporaryFolder } from "../fixtures/rootfs-builder/temporary_folder.ts";
import { absent, noIdRange, testWhere } from "../support/test_where.ts";

const UNPACK = join(import.meta.dir, "../fixtures/rootfs-builder/unpack.ts");

/** Layers, the lowest first, each unpacked into a folder of its own. */
class Layers extends TemporaryFolder {
  readonly folders: string[] = [];

  add(...members: readonly Member[]): string {
    const folder = this.folder();
    const archive = `${folder}.tar`;
    writeFileSync(archive, tar(...members));
    execFileSync(process.execPath, [UNPACK, archive, folder, JSON.stringify({ whiteouts: "overlay" })]);
    return folder;
  }

  folder(): string {
    const folder = join(this.path, String(this.folders.length));
    mkdirSync(folder);
    this.folders.push(folder);
    return folder;
  }

  /** Names and kinds in the mount, and what listing it had to say of what it could not look at. */
  mounted(): string[] {
    const mount = join(this.path, "mount");
    mkdirSync(mount);
    const script =
      'mount -t overlay -o "userxattr,lowerdir=$1" none "$2" && find "$2" -mindepth 1 -printf "%y %P\n" 2>&1';
    const args = ["-Urm", "sh", "-c", script, "sh", this.folders.toReversed().join(":"), mount];
    return execFileSync("unshare", args, { encoding: "utf8" }).split("\n").filter(Boolean).sort();
  }
}

/** Why overlayfs cannot be mounted here, if so. */
function noOverlay(): string | undefined {
  using layers = new Layers();
  layers.folder();
  layers.folder();
  try {
    layers.mounted();
    return undefined;
  } catch (error) {
    return `overlayfs cannot be mounted in a user namespace: ${String(error).split("\n")[0]}`;
  }
}

const test = testWhere(absent("unshare", "find"), noOverlay());
const LOWER: readonly Member[] = [
  { name: "d/", type: "5" },
  { name: "d/a", content: "1" },
  { name: "d/b", content: "1" },
  { name: "e/", type: "5" },
  { name: "e/c", content: "1" },
  { name: "top", content: "1" },
];

describe("whiteouts of a layer", () => {
  test("hide single names, in the root too", () => {
    using layers = new Layers();
    layers.add(...LOWER);
    layers.add({ name: "d/.wh.a" }, { name: ".wh.top" }, { name: "new" });
    expect(layers.mounted()).toEqual(["d d", "d e", "f d/b", "f e/c", "f new"]);
  });

  test("hide all of a folder, wherever the mark stands, and leave the layer's own", () => {
    using layers = new Layers();
    layers.add(...LOWER);
    const own: Member[] = [
      { name: "d/b", content: "2" },
      { name: "d/.wh.a" },
      { name: "d/n/.wh.x" },
      { name: "d/n/y" },
    ];
    layers.add(...own, { name: "d/.wh..wh..opq" });
    expect(layers.mounted()).toEqual(["d d", "d d/n", "d e", "f d/b", "f d/n/y", "f e/c", "f top"]);
  });

  test("never take what the layer itself has", () => {
    using layers = new Layers();
    layers.add(...LOWER);
    layers.add(
      { name: "d/a", content: "2" },
      { name: "d/.wh.a" },
      { name: ".wh.e" },
      { name: "e/", type: "5" },
      { name: "e/z" },
    );
    expect(layers.mounted()).toEqual(["d d", "d e", "f d/a", "f d/b", "f e/z", "f top"]);
  });

  test("cannot be forged by extended attributes", () => {
    using layers = new Layers();
    layers.add(...LOWER);
    layers.add(pax({ "SCHILY.xattr.user.overlay.opaque": "y" }), { name: "d/", type: "5" });
    layers.add(
      pax({ "SCHILY.xattr.user.overlay.redirect": "/e" }),
      { name: "d/", type: "5" },
      pax({ "SCHILY.xattr.user.overlay.opaque": "x" }),
      { name: "e/", type: "5" },
      pax({ "SCHILY.xattr.user.overlay.whiteout": "" }),
      { name: "e/c" },
    );
    expect(layers.mounted()).toEqual(["d d", "d e", "f d/a", "f d/b", "f e/c", "f top"]);
  });

  test("are read the same where they are files with an attribute", () => {
    using layers = new Layers();
    layers.add(...LOWER);
    const top = layers.add({ name: "d/own" });
    const marks = new WhiteoutMarks(() => undefined);
    marks.hide("/d", "a");
    marks.hide("", "top");
    const open_ = (path: string, within: (fd: number) => void): void => {
      using fd = open(join(top, path), O_RDONLY | O_DIRECTORY);
      within(fd.number);
    };
    marks.make(open_);
    for (const path of ["", "/d"]) open_(path, (fd) => marks.mark(fd, path));
    expect(lstatSync(join(top, "d/a")).isFile()).toBe(true);
    expect(layers.mounted()).toEqual(["d d", "d e", "f d/b", "f d/own", "f e/c"]);
  });
});

testWhere(noIdRange(), absent("unshare"))(
  "owners and capabilities are set as root of a user namespace with a range",
  () => {
    using folder = new TemporaryFolder();
    const root = join(folder.path, "root");
    const archive = join(folder.path, "a.tar");
    mkdirSync(root);
    // linux/capability.h: revision 2, CAP_NET_RAW permitted and effective.
    const capability = new Uint8Array(20);
    capability.set([1, 0, 0, 2, 0, 0x20]);
    writeFileSync(
      archive,
      tar(
        pax({ uid: "33", gid: "44" }),
        { name: "f", content: "x", mode: 0o6755, mtime: 7 },
        pax({ uid: "5", gid: "6" }),
        { name: "l", type: "2", linkname: "nowhere" },
        pax({ uid: "8", gid: "9" }),
        { name: "d/", type: "5", mode: 0o2770, mtime: 7 },
        pax({ uid: "1", gid: "2" }),
        { name: "p", type: "6", mode: 0o600 },
        pax({ "SCHILY.xattr.security.capability": capability, uid: "3" }),
        { name: "ping", content: "x", mode: 0o755 },
      ),
    );
    const script = `"$1" "$2" "$3" "$4" '{"ownership":"set"}' && cd "$4" && stat -c '%n %u:%g %a %Y' d f p && stat -c '%n %u:%g' l ping && getcap ping; rm -rf "$4"/*`;
    const args = [
      "--user",
      "--map-root-user",
      "--map-auto",
      "sh",
      "-c",
      script,
      "sh",
      process.execPath,
      UNPACK,
      archive,
      root,
    ];
    expect(execFileSync("unshare", args, { encoding: "utf8" }).trim().split("\n")).toEqual([
      "{}",
      "d 8:9 2770 7",
      "f 33:44 6755 7",
      "p 1:2 600 0",
      "l 5:6",
      "ping 3:0",
      "ping cap_net_raw=ep",
    ]);
  },
);
