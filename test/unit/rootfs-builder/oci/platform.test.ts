import { expect, test } from "bun:test";
import { parseImageIndex, selectManifest } from "../../../../rootfs-builder/oci/image_index.ts";
import { machinePlatform, parsePlatform, platformText } from "../../../../rootfs-builder/oci/platform.ts";
import { encode, type Json, makeImage, plain } from "../../../fixtures/rootfs-builder/oci/image.ts";

test.each([
  ["linux/amd64", "linux/amd64"],
  ["linux/x86_64", "linux/amd64"],
  ["arm64", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/aarch64", "linux/arm64"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/armhf", "linux/arm/v7"],
  ["linux/arm/6", "linux/arm/v6"],
  ["Linux/AMD64/v3", "linux/amd64/v3"],
])("%s is %s", (text, wanted) => expect(platformText(parsePlatform(text))).toBe(wanted));

test.each(["", "a/b/c/d", "linux/", "linux/a b", "linux/\u001b[31m"])("%p is refused", (text) =>
  expect(() => parsePlatform(text)).toThrow("OS/ARCH[/VARIANT]"),
);

test("the machine's is that of the program", () => {
  expect(platformText(machinePlatform("x64"))).toBe("linux/amd64");
  expect(platformText(machinePlatform("arm64"))).toBe("linux/arm64");
});

const OFFERED = ["linux/amd64", "linux/amd64/v3", "linux/arm/v5", "linux/arm/v7", "linux/arm64/v8", "windows/amd64"];

function chosen(wanted: string, offered: readonly (string | Json)[] = OFFERED, patch = {}): string {
  const manifests = offered.map((item, at) => {
    const [os = "", architecture = "", variant] = typeof item === "string" ? item.split("/") : [];
    const platform = typeof item === "string" ? { os, architecture, ...(variant ? { variant } : {}) } : item;
    const { manifest } = makeImage({ layers: [`${at}`] });
    return { ...plain(manifest), ...(platform === null ? {} : { platform }), ...patch };
  });
  const index = parseImageIndex(encode({ schemaVersion: 2, manifests }), "", "the index");
  const { digest } = selectManifest(index, parsePlatform(wanted), "registry.test/app");
  const at = manifests.findIndex((entry) => entry.digest === digest);
  return String(offered[at]);
}

test.each([
  ["linux/amd64", "linux/amd64"],
  ["linux/amd64/v3", "linux/amd64/v3"],
  ["linux/amd64/v2", "linux/amd64"],
  ["linux/amd64/v4", "linux/amd64/v3"],
  ["linux/arm64", "linux/arm64/v8"],
  ["linux/arm64/v9", "linux/arm64/v8"],
  ["linux/arm/v7", "linux/arm/v7"],
  ["linux/arm/v6", "linux/arm/v5"],
  ["windows/amd64", "windows/amd64"],
])("for %s %s is taken", (wanted, found) => expect(chosen(wanted)).toBe(found));

test.each(["linux/s390x", "linux/arm/v4", "freebsd/amd64"])("nothing is there for %s", (wanted) =>
  expect(() => chosen(wanted)).toThrow(`there is no image for ${wanted}`),
);

test("an image for newer processors only is not taken for any", () => {
  expect(() => chosen("linux/amd64", ["linux/amd64/v3"])).toThrow("there is no image for linux/amd64");
});

test("attestations are no images, whatever their place", () => {
  expect(chosen("linux/amd64", ["unknown/unknown", "linux/amd64"])).toBe("linux/amd64");
  const annotations = { "vnd.docker.reference.type": "attestation-manifest" };
  expect(() => chosen("linux/amd64", ["linux/amd64"], { annotations })).toThrow("there is no image");
  expect(() => chosen("unknown/unknown", ["unknown/unknown"])).toThrow("there is no image");
});

test("one image without a platform is taken, one of two is not", () => {
  expect(chosen("linux/amd64", [null])).toBe("null");
  expect(() => chosen("linux/amd64", [null, null])).toThrow("there is no image");
});

test("the hint names what is there, and nothing a terminal obeys", () => {
  try {
    chosen("linux/riscv64", ["linux/amd64", { os: "linux", architecture: "\u001b[2J" }]);
    throw new Error("it was accepted");
  } catch (error) {
    const { hint } = error as { hint: string };
    expect(hint).toContain("linux/amd64");
    expect(hint).not.toContain("\u001b");
  }
});
