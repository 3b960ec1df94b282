// The same archive through other unpackers, and our archives through theirs: one tree, to the byte, mode and nanosecond.
import { describe, expect } from "bun:test";
import { execFileSync } from "node:child_process";
import { copyFileSync, lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, open } from "../../ffi/file.ts";
import { fgetxattr, listxattr, setxattr } from "../../ffi/xattr.ts";
import { type Extraction, extract } from "../../rootfs-builder/tar/extract.ts";
import { readTree } from "../../rootfs-builder/tar/tree_reader.ts";
import { writeTar } from "../../rootfs-builder/tar/writer.ts";
import {
  debootstrapTar,
  deviceNames,
  members,
  noDebootstrapTar,
  xattrCount,
} from "../fixtures/rootfs-builder/debootstrap_tar.ts";
import { minirootfs } from "../fixtures/rootfs-builder/minirootfs.ts";
import { TemporaryFolder } from "../fixtures/rootfs-builder/temporary_folder.ts";
import { tree } from "../fixtures/rootfs-builder/tree.ts";
import { lineDifferences } from "../support/line_differences.ts";
import { absent, asRoot, testWhere } from "../support/test_where.ts";

const MANY = 20_000;
const MINUTES = 5 * 60_000;
const noAlpine = minirootfs ? undefined : "no Alpine minirootfs; name one in ALPINE_MINIROOTFS";

/** Without the first of them, GNU tar sets a folder's time before all that is in it is there. */
const GNU = ["--no-same-owner", "--delay-directory-restore", "--xattrs", "--xattrs-include=user.*"] as const;

class Scene extends TemporaryFolder {
  folder(name: string): string {
    mkdirSync(join(this.path, name));
    return join(this.path, name);
  }

  async ours(archive: string): Promise<string> {
    return (await this.oursTold(archive)).folder;
  }

  /** With what our extraction has to say of what it left out. */
  async oursTold(archive: string): Promise<Extraction & { readonly folder: string }> {
    const folder = this.folder("ours");
    using root = open(folder, O_RDONLY | O_DIRECTORY);
    return { folder, ...(await extract(Bun.file(archive).stream(), root.number)) };
  }

  gnuTar(archive: string): string {
    const folder = this.folder("gnu");
    execFileSync("tar", ["-xpf", archive, "-C", folder, ...GNU]);
    return folder;
  }

  /** Of an archive with devices, which only root can make: GNU tar goes on after each, and fails in the end. */
  gnuTarComplaining(archive: string): { readonly folder: string; readonly complaints: readonly string[] } {
    const folder = this.folder("gnu");
    const env = { ...process.env, LC_ALL: "C" };
    const { stderr } = Bun.spawnSync(["tar", "-xpf", archive, "-C", folder, ...GNU], { env });
    const complaints = stderr.toString().split("\n").filter(Boolean);
    return { folder, complaints: complaints.filter((line) => !line.startsWith("tar: Exiting with failure status")) };
  }

  bsdtar(archive: string): string {
    const folder = this.folder("bsd");
    execFileSync("bsdtar", ["-xpf", archive, "-C", folder, "--no-same-owner"]);
    return folder;
  }

  umoci(archive: string): string {
    const image = `${join(this.path, "layout")}:t`;
    const umoci = (...args: readonly string[]): Buffer =>
      execFileSync("umoci", args, { stdio: ["ignore", "pipe", "ignore"] });
    umoci("init", "--layout", join(this.path, "layout"));
    umoci("new", "--image", image);
    umoci("raw", "add-layer", "--image", image, archive);
    umoci("unpack", "--rootless", "--image", image, join(this.path, "bundle"));
    return join(this.path, "bundle/rootfs");
  }

  /** The folder as an archive of ours. */
  async pack(folder: string): Promise<string> {
    using root = open(folder, O_RDONLY | O_DIRECTORY);
    const archive = join(this.path, "packed.tar");
    const writer = Bun.file(archive).writer();
    for await (const bytes of writeTar(readTree(root.number))) writer.write(bytes);
    await writer.end();
    return archive;
  }
}

/** One line a name: kind, mode, time, links, content or target, size, the first of the names it shares, attributes. */
function described(root: string): string[] {
  const firsts = new Map<number, string>();
  return tree(root).map((node) => {
    const path = join(root, node.name);
    const known = !/[\x80-\xff]/.test(node.name);
    const size = known && node.kind === "file" ? lstatSync(path).size : "";
    const first = known && node.links > 1 ? firstName(firsts, lstatSync(path).ino, node.name) : "";
    const xattrs = known && (node.kind === "file" || node.kind === "directory") ? xattrsOf(path) : "";
    return `${Object.values(node).map(String).join(" ")} ${size} ${first} ${xattrs}`;
  });
}

function firstName(firsts: Map<number, string>, inode: number, name: string): string {
  const first = firsts.get(inode) ?? name;
  firsts.set(inode, first);
  return first;
}

/** Of users, without umoci's own record of owners; and capabilities. */
function xattrsOf(path: string): string {
  using fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  return listxattr(fd.number, path)
    .filter((name) => name.startsWith("user.") || name === "security.capability")
    .filter((name) => name !== "user.rootlesscontainers")
    .sort()
    .map((name) => `${name}=${Buffer.from(fgetxattr(fd.number, path, name)).toString("hex")}`)
    .join(" ");
}

/** Without the folder unpacked into, where the archive does not have it, or bsdtar leaves it as it is. */
function differencesBelow(a: string, b: string): string[] {
  const below = (root: string): string[] => described(root).filter((line) => !/^ *directory/.test(line));
  return lineDifferences(below(a), below(b));
}

function differences(a: string, b: string): string[] {
  return lineDifferences(described(a), described(b));
}

/** Of this machine's own files, as many as asked for and with the folders they are in. */
function hostTree(archive: string): number {
  const script = `cd / && { find usr etc -xdev -type d -readable -executable -print0
    find usr etc -xdev \\( -type f -o -type l \\) -size -32k -readable -print0 2>/dev/null | head -z -n ${MANY}; } 2>/dev/null |
    tar --null --no-recursion --numeric-owner --mode=u+rw --format=posix -T - -cf "$1" && tar -tf "$1" | wc -l`;
  return Number(execFileSync("sh", ["-c", script, "sh", archive], { stdio: ["ignore", "pipe", "ignore"] }));
}

/** All that the small tree of an image may have and that of a host seldom has. */
function oddTree(folder: string): void {
  const script = `umask 022; mkdir -p d/e "s p a c e" && echo 1 >d/f && ln d/f d/hard && ln -s ../d/f d/e/link && ln -s /abs abs
    mkfifo -m 620 pipe && truncate -s 3M sparse && printf x | dd of=sparse bs=1 seek=2000000 conv=notrunc status=none
    printf '' >empty && chmod 4755 d/f && chmod 3775 d && chmod 500 d/e
    long=$(printf 'n%.0s' $(seq 1 240)) && mkdir -p "$long/$long" && echo 2 >"$long/$long/$long" && ln -s "$long/$long/$long" longlink
    printf x >"$(printf 'b\\377d')" && touch -d '1969-07-20 20:17:40 UTC' empty && touch -h -d '2038-02-01 UTC' abs
    touch -d '2001-02-03 04:05:06.123456789 UTC' d/f`;
  execFileSync("sh", ["-ec", script], { cwd: folder });
  for (const name of ["sparse", "d/e"]) {
    using fd = open(join(folder, name), name === "d/e" ? O_RDONLY : O_RDWR);
    if (name !== "d/e") setxattr(fd.number, "user.binary", new Uint8Array([0, 10, 61, 255]));
    if (name !== "d/e") setxattr(fd.number, "user.empty", new Uint8Array());
  }
}

describe("unpacking Alpine makes the tree", () => {
  const archive = minirootfs ?? "";
  testWhere(absent("tar"), noAlpine)("that GNU tar makes", async () => {
    using scene = new Scene();
    expect(differences(await scene.ours(archive), scene.gnuTar(archive))).toEqual([]);
  });

  testWhere(absent("bsdtar"), noAlpine)("that bsdtar makes", async () => {
    using scene = new Scene();
    expect(differencesBelow(await scene.ours(archive), scene.bsdtar(archive))).toEqual([]);
  });

  testWhere(absent("umoci", "gzip"), noAlpine)("that umoci makes without root", async () => {
    using scene = new Scene();
    const plain = join(scene.path, "plain.tar");
    writeFileSync(plain, Bun.gunzipSync(await Bun.file(archive).bytes()));
    expect(differences(await scene.ours(plain), scene.umoci(plain))).toEqual([]);
  });
});

describe(`unpacking ${MANY} files of this machine makes the tree`, () => {
  testWhere(absent("tar", "umoci", "zstd"))(
    "that GNU tar and umoci make",
    async () => {
      using scene = new Scene();
      const archive = join(scene.path, "host.tar");
      expect(hostTree(archive)).toBeGreaterThan(MANY);
      execFileSync("zstd", ["-q", archive]);
      const ours = await scene.ours(`${archive}.zst`);
      expect(differencesBelow(ours, scene.gnuTar(archive))).toEqual([]);
      expect(differencesBelow(ours, scene.umoci(archive))).toEqual([]);
    },
    MINUTES,
  );
});

describe("unpacking what debootstrap made, by an ordinary user, makes the tree", () => {
  const archive = debootstrapTar;
  const withTree = testWhere(noDebootstrapTar, asRoot(), absent("tar", "umoci"));

  withTree(
    "that GNU tar makes, and leaves out the same devices",
    async () => {
      using scene = new Scene();
      const listed = members(archive);
      expect(listed.length).toBeGreaterThan(MANY);
      expect(xattrCount(listed, "user.")).toBeGreaterThan(0);
      const ours = await scene.oursTold(archive);
      const gnu = scene.gnuTarComplaining(archive);
      const devices = deviceNames(listed);
      expect(ours.entries).toBe(listed.length);
      expect(ours.devices.map(({ name }) => Buffer.from(name).toString())).toEqual(devices);
      expect(gnu.complaints).toEqual(devices.map((name) => `tar: ${name}: Cannot mknod: Operation not permitted`));
      expect(differences(ours.folder, gnu.folder)).toEqual([]);
    },
    MINUTES,
  );

  // In the place of a device umoci makes an empty file, and it says of a capability that it was refused.
  withTree(
    "that umoci makes of it without the devices, and leaves out the same capabilities",
    async () => {
      using scene = new Scene();
      const listed = members(archive);
      const ours = await scene.oursTold(archive);
      const capabilities = xattrCount(listed, "security.capability");
      expect([...ours.skippedXattrs]).toEqual(capabilities > 0 ? [["security.capability", capabilities]] : []);
      const without = join(scene.path, "without.tar");
      copyFileSync(archive, without);
      execFileSync("tar", ["--delete", "-f", without, ...deviceNames(listed)]);
      expect(differences(ours.folder, scene.umoci(without))).toEqual([]);
    },
    MINUTES,
  );
});

describe("a tree with all that is odd", () => {
  const formats = ["gnu --sparse", "posix --sparse --xattrs --xattrs-include=user.*", "oldgnu --sparse", "posix"];
  for (const format of formats)
    testWhere(absent("tar"))(`comes out of GNU tar's archive, format ${format}, as GNU tar takes it out`, async () => {
      using scene = new Scene();
      const from = scene.folder("from");
      oddTree(from);
      const archive = join(scene.path, "a.tar");
      execFileSync("tar", ["-cf", archive, ...`--format=${format}`.split(" "), "-C", from, "."]);
      expect(differences(await scene.ours(archive), scene.gnuTar(archive))).toEqual([]);
    });

  testWhere(absent("bsdtar"))("comes out of bsdtar's archive as it was, attributes too", async () => {
    using scene = new Scene();
    const from = scene.folder("from");
    oddTree(from);
    const archive = join(scene.path, "a.tar");
    execFileSync("bsdtar", ["--format=pax", "--options=hdrcharset=BINARY", "-cf", archive, "-C", from, "."], {
      stdio: "ignore",
    });
    expect(differences(await scene.ours(archive), from)).toEqual([]);
  });

  testWhere(absent("tar", "bsdtar"))(
    "goes into our archive, and comes out of it by GNU tar, bsdtar and us as it was",
    async () => {
      using scene = new Scene();
      const from = scene.folder("from");
      oddTree(from);
      const archive = await scene.pack(from);
      expect(differences(scene.gnuTar(archive), from)).toEqual([]);
      expect(differences(await scene.ours(archive), from)).toEqual([]);
      expect(differencesBelow(scene.bsdtar(archive), from)).toEqual([]);
    },
  );
});
