import { expect, test } from "bun:test";
import { parseReference } from "../../../../rootfs-builder/oci/reference.ts";
import { type ImageSourceSpec, parseImageSource } from "../../../../rootfs-builder/oci/source.ts";

test.each<[string, ImageSourceSpec]>([
  ["alpine:3.20", { kind: "registry", reference: parseReference("alpine:3.20") }],
  ["docker://ghcr.io/a/b", { kind: "registry", reference: parseReference("ghcr.io/a/b") }],
  ["docker:dind", { kind: "registry", reference: parseReference("docker:dind") }],
  ["oci", { kind: "registry", reference: parseReference("oci") }],
  ["oci:dir", { kind: "layout", path: "dir", tag: undefined }],
  ["oci:/a/b:v1", { kind: "layout", path: "/a/b", tag: "v1" }],
  ["oci:dir:registry.test/app:1", { kind: "layout", path: "dir", tag: "registry.test/app:1" }],
  ["oci-archive:x.tar:v1", { kind: "oci-archive", path: "x.tar", tag: "v1" }],
  ["docker-archive:x.tar", { kind: "docker-archive", path: "x.tar", reference: undefined }],
  ["docker-archive:x.tar:app:1", { kind: "docker-archive", path: "x.tar", reference: parseReference("app:1") }],
  ["dir:/a:b", { kind: "dir", path: "/a:b" }],
  ["./x.tar", { kind: "tarball", path: "./x.tar" }],
  ["../x.tar", { kind: "tarball", path: "../x.tar" }],
  ["/x", { kind: "tarball", path: "/x" }],
  ["tar:x", { kind: "tarball", path: "x" }],
])("%s", (text, spec) => expect(parseImageSource(text)).toEqual(spec));

test.each([
  ["oci:", "there is no path"],
  ["oci:dir:", "no tag after the colon"],
  ["docker://", "the name is empty"],
  ["docker-archive:x:Y", "must be in lower case"],
  ["oci:a\0b", "a NUL"],
  ["https://host/x", "is no host name"],
])("%p is refused", (text, reason) => expect(() => parseImageSource(text)).toThrow(reason));
