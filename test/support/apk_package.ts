// A package as apk-tools 2 reads it: two gzip members, of .PKGINFO (a tar cut off before its end) and of the files, each with its own
// digest. Without those, apk holds what it has installed for broken, and from then on ends every command with an error.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { concat, type Member, member, pax, seal } from "../fixtures/rootfs-builder/tar_writer.ts";
import type { Workspace } from "./workspace.ts";

const MACHINE = process.arch === "arm64" ? "aarch64" : "x86_64";
/** An id that is no one's in Alpine. */
const OWNER = 33;
const END = new Uint8Array(1024);

/** `tool-VERSION.apk` in the project folder, with a program `tool` that says `text`; gives its path. */
export async function makePackage(here: Workspace, version: string, text: string): Promise<string> {
  const data = Bun.gzipSync(
    concat(
      ...["usr/", "usr/bin/"].map((name) => owned({ name, type: "5" })),
      file("usr/bin/tool", `#!/bin/sh\necho ${text}\n`, 0o755),
      ...["var/", "var/tool/"].map((name) => owned({ name, type: "5" })),
      file("var/tool/owned", "x", 0o644),
      END,
    ),
  );
  const info = {
    pkgname: "tool",
    pkgver: `${version}-r0`,
    arch: MACHINE,
    size: "100",
    pkgdesc: "a test",
    url: "none",
    license: "MIT",
    datahash: createHash("sha256").update(data).digest("hex"),
  };
  const content = Object.entries(info)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join("");
  const path = join(here.dir, `tool-${version}.apk`);
  await Bun.write(path, concat(Bun.gzipSync(concat(member({ name: ".PKGINFO", content }))), data));
  return path;
}

function file(name: string, content: string, mode: number): Uint8Array {
  const digest = createHash("sha1").update(content).digest("hex");
  return concat(member(pax({ "APK-TOOLS.checksum.SHA1": digest })), owned({ name, content, mode }));
}

function owned(fields: Member): Uint8Array {
  const bytes = member(fields);
  const id = new TextEncoder().encode(`${OWNER.toString(8).padStart(7, "0")}\0`);
  bytes.set(id, 108);
  bytes.set(id, 116);
  return seal(bytes);
}
