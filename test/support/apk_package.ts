// A package as apk-tools 2 reads it: two gzip members, .PKGINFO (a tar cut off before its end) and the files.
import { join } from "node:path";
import type { Workspace } from "./workspace.ts";

const MACHINE = process.arch === "arm64" ? "aarch64" : "x86_64";

/** `tool-VERSION.apk` in the project folder, with a program `tool` that says `text`; gives its path. */
export async function makePackage(here: Workspace, version: string, text: string): Promise<string> {
  const folder = `apk-${version}`;
  here.file(`${folder}/data/usr/bin/tool`, `#!/bin/sh\necho ${text}\n`, 0o755);
  here.file(`${folder}/data/var/tool/owned`, "x");
  const info = `pkgname = tool\npkgver = ${version}-r0\narch = ${MACHINE}\nsize = 100\npkgdesc = a test\nurl = none\nlicense = MIT\n`;
  here.file(`${folder}/.PKGINFO`, info);
  const script = [
    "set -e",
    `cd ${folder}`,
    "tar --format=ustar --owner=33 --group=33 -C data -cf - usr var | gzip -n > data.gz",
    `echo "datahash = $(sha256sum data.gz | cut -d' ' -f1)" >> .PKGINFO`,
    "tar --format=ustar --owner=0 --group=0 -cf - .PKGINFO | head -c 1024 | gzip -n > control.gz",
    `cat control.gz data.gz > ../tool-${version}.apk`,
  ].join("\n");
  const { code, stderr } = await here.host(["sh", "-c", script]);
  if (code !== 0) throw new Error(stderr);
  return join(here.dir, `tool-${version}.apk`);
}
