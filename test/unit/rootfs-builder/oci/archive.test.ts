import { afterAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { O_CREAT, O_RDWR, O_TRUNC, open } from "../../../../ffi/file.ts";
import { digestOf } from "../../../../rootfs-builder/oci/digest.ts";
import { type ImageSource, readVerified } from "../../../../rootfs-builder/oci/image_source.ts";
import { OCI_INDEX } from "../../../../rootfs-builder/oci/media_type.ts";
import { OciError } from "../../../../rootfs-builder/oci/oci_error.ts";
import { openImageSource } from "../../../../rootfs-builder/oci/open_image_source.ts";
import { parsePlatform } from "../../../../rootfs-builder/oci/platform.ts";
import { resolveImage } from "../../../../rootfs-builder/oci/resolve_image.ts";
import { parseImageSource } from "../../../../rootfs-builder/oci/source.ts";
import { encode, type MadeImage, makeImage, plain } from "../../../fixtures/rootfs-builder/oci/image.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";
import { type Member, pax, seal, tar } from "../../../fixtures/rootfs-builder/tar_writer.ts";
import { TemporaryFolder } from "../../../fixtures/rootfs-builder/temporary_folder.ts";

const folder = new TemporaryFolder();
afterAll(() => folder[Symbol.dispose]());
let count = 0;

type Opened = {
  readonly texts: readonly string[];
  readonly compressions: readonly string[];
  readonly scratches: number;
};

/** The first file of each layer, of the image in `archive`. */
async function load(kind: "oci-archive" | "docker-archive", archive: Uint8Array, tag = ""): Promise<Opened> {
  const path = join(folder.path, `${count++ % 10}.tar`);
  writeFileSync(path, archive);
  using scratch = open(`${path}.scratch`, O_RDWR | O_CREAT | O_TRUNC, 0o600);
  let scratches = 0;
  const spec = parseImageSource(`${kind}:${path}${tag}`);
  if (spec.kind === "tarball") throw new Error("no image");
  const source = await openImageSource(spec, {
    registry: { environment: {} },
    scratch: () => {
      scratches++;
      return scratch.number;
    },
  });
  try {
    return { ...(await readLayers(source)), scratches };
  } finally {
    source.close();
  }
}

async function readLayers(source: ImageSource) {
  const { layers } = await resolveImage(source, { platform: parsePlatform("linux/amd64") });
  const texts: string[] = [];
  for (const { descriptor, compression } of layers) {
    const bytes = Buffer.from(await readVerified(source, descriptor, 1 << 24));
    const plainBytes =
      compression === "gzip" ? Bun.gunzipSync(bytes) : compression === "zstd" ? Bun.zstdDecompressSync(bytes) : bytes;
    texts.push(new TextDecoder().decode(plainBytes.subarray(512, 515)));
  }
  return { texts, compressions: layers.map(({ compression }) => compression) };
}

function ociMembers({ blobs, manifest }: MadeImage, prefix = ""): Member[] {
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [plain(manifest)] };
  return [
    { name: `${prefix}blobs/`, type: "5" },
    ...[...blobs].map(([digest, content]) => ({ name: `${prefix}blobs/${digest.replace(":", "/")}`, content })),
    { name: `${prefix}index.json`, content: encode(index) },
    { name: `${prefix}oci-layout`, content: '{"imageLayoutVersion":"1.0.0"}' },
  ];
}

const IMAGE = makeImage({ layers: ["one", "two"] });

describe("an oci-archive", () => {
  test.each([
    ["plain", (bytes: Uint8Array) => bytes, 0],
    ["gzip", gzipSync, 1],
    ["zstd", zstdCompressSync, 1],
  ] as const)("that is %s is read", async (_, compress, scratches) => {
    const found = await load("oci-archive", compress(tar(...ociMembers(IMAGE))));
    expect(found).toEqual({ texts: ["one", "two"], compressions: ["gzip", "gzip"], scratches });
  });

  test("may begin its names with ./ and have pax headers", async () => {
    const [first, ...rest] = ociMembers(IMAGE, "./");
    const members = [pax({ mtime: "1.5" }), first ?? { name: "" }, ...rest];
    expect((await load("oci-archive", tar(...members))).texts).toEqual(["one", "two"]);
  });

  test("with layers larger than what is read at a time", async () => {
    const noise = new Uint8Array(1_500_000).map((_, at) => (at * 2654435761) >>> 13);
    const image = makeImage({ layers: ["one", `two${Buffer.from(noise).toString("latin1")}`] });
    expect((await load("oci-archive", tar(...ociMembers(image)))).texts).toEqual(["one", "two"]);
  });

  test.each<[string, () => Uint8Array, string]>([
    ["is cut off", () => tar(...ociMembers(IMAGE)).subarray(0, 3000), "cut off"],
    ["is compressed and cut off", () => gzipSync(tar(...ociMembers(IMAGE))).subarray(0, 900), "damaged or cut off"],
    ["is no tar file", () => new Uint8Array(2048).fill(7), "no tar header"],
    ["is empty", () => new Uint8Array(), "the archive is empty"],
    ["is cut xz", () => Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0), "the xz data is damaged or cut off"],
    ["has a member twice", () => tar(...ociMembers(IMAGE), { name: "./index.json", content: "{}" }), "is in it twice"],
    ["has no index", () => tar({ name: "x", content: "y" }), 'there is no "oci-layout"'],
    [
      "has a link out of it for an index",
      () => tar({ name: "oci-layout", type: "2", linkname: "../../etc/passwd" }),
      "there is no",
    ],
    [
      "has links in a circle",
      () => tar({ name: "oci-layout", type: "2", linkname: "oci-layout" }),
      "more than 8 links",
    ],
  ])("that %s is refused", async (_, archive, reason) => {
    await expect(load("oci-archive", archive())).rejects.toThrow(reason);
  });
});

/** As docker save wrote until version 24: a folder for each layer. */
function dockerMembers(
  tags: readonly string[] = ["app:1"],
  compress: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes,
) {
  const tars = ["one", "two"].map((content) => tar({ name: "f", content }));
  const config = encode({
    os: "linux",
    architecture: "amd64",
    rootfs: { diff_ids: tars.map((bytes) => digestOf(bytes)) },
  });
  const manifest = [{ Config: "c.json", RepoTags: tags, Layers: ["a/layer.tar", "b/layer.tar"] }];
  const members: Member[] = [
    { name: "c.json", content: config },
    ...tars.map((bytes, at) => ({ name: `${at === 0 ? "a" : "b"}/layer.tar`, content: compress(bytes) })),
    { name: "repositories", content: "{}" },
    { name: "manifest.json", content: encode(manifest) },
  ];
  return members;
}

describe("a docker-archive", () => {
  test.each<[string, Member[], string]>([
    ["of old", dockerMembers(), "none"],
    ["with compressed layers", dockerMembers(undefined, gzipSync), "gzip"],
    ["with layers in zstd", dockerMembers(undefined, zstdCompressSync), "zstd"],
  ])("%s is read", async (_, members, compression) => {
    expect(await load("docker-archive", tar(...members))).toEqual({
      texts: ["one", "two"],
      compressions: [compression, compression],
      scratches: 0,
    });
  });

  test("of Docker 25 and later: a layout with a manifest.json", async () => {
    const tars = ["one", "two"].map((content) => tar({ name: "f", content }));
    const config = encode({
      os: "linux",
      architecture: "amd64",
      rootfs: { diff_ids: tars.map((bytes) => digestOf(bytes)) },
    });
    const path = (bytes: Uint8Array): string => `blobs/${digestOf(bytes).replace(":", "/")}`;
    const manifest = [{ Config: path(config), RepoTags: null, Layers: tars.map(path) }];
    const blobs = [config, ...tars].map((content) => ({ name: path(content), content }));
    expect(
      (await load("docker-archive", tar(...blobs, { name: "manifest.json", content: encode(manifest) }))).texts,
    ).toEqual(["one", "two"]);
  });

  test("a layer that comes twice may be a link to the other", async () => {
    const one = tar({ name: "f", content: "one" });
    const config = encode({ os: "linux", architecture: "amd64", rootfs: { diff_ids: [digestOf(one), digestOf(one)] } });
    const manifest = [{ Config: "c.json", RepoTags: [], Layers: ["a/layer.tar", "b/layer.tar"] }];
    const members: Member[] = [
      { name: "c.json", content: config },
      { name: "a/layer.tar", content: one },
      { name: "b/layer.tar", type: "2", linkname: "../a/layer.tar" },
      { name: "manifest.json", content: encode(manifest) },
    ];
    expect((await load("docker-archive", tar(...members))).texts).toEqual(["one", "one"]);
  });

  test("is chosen from by a reference, however it is written", async () => {
    const archive = tar(...dockerMembers(["docker.io/library/app:1", "app:2"]));
    for (const tag of [":app:1", ":docker.io/library/app:1", ":app:2", ""])
      expect((await load("docker-archive", archive, tag)).texts).toEqual(["one", "two"]);
    await expect(load("docker-archive", archive, ":app:3")).rejects.toMatchObject({
      reason: "there is no such image in the archive",
      hint: 'It holds "docker.io/library/app:1", "app:2"',
    });
  });

  test("with several images asks which one", async () => {
    const [config, a, b] = dockerMembers();
    const entry = (tag: string) => ({ Config: "c.json", RepoTags: [tag], Layers: ["a/layer.tar", "b/layer.tar"] });
    const members = [config, a, b].filter((member) => member !== undefined);
    const archive = tar(...members, { name: "manifest.json", content: encode([entry("a:1"), entry("b:1")]) });
    await expect(load("docker-archive", archive)).rejects.toThrow("it holds 2 images");
    expect((await load("docker-archive", archive, ":b:1")).texts).toEqual(["one", "two"]);
  });

  test.each<[string, (members: Member[]) => Member[], string]>([
    [
      "whose layer is missing",
      (members) => members.filter(({ name }) => name !== "b/layer.tar"),
      'there is no layer "b/layer.tar"',
    ],
    [
      "whose layer was changed",
      (members) =>
        members.map((member) =>
          member.name === "b/layer.tar" ? { ...member, content: tar({ name: "f", content: "bad" }) } : member,
        ),
      "has the digest",
    ],
    [
      "whose configuration is elsewhere",
      (members) =>
        members.map((member) =>
          member.name === "manifest.json"
            ? { ...member, content: encode([{ Config: "../../etc/passwd", Layers: [] }]) }
            : member,
        ),
      'there is no "../../etc/passwd"',
    ],
    [
      "with fewer layers than diff ids",
      (members) =>
        members.map((member) =>
          member.name === "manifest.json"
            ? { ...member, content: encode([{ Config: "c.json", Layers: ["a/layer.tar"] }]) }
            : member,
        ),
      "lists 2 layers",
    ],
    [
      "without images",
      (members) => members.map((member) => (member.name === "manifest.json" ? { ...member, content: "[]" } : member)),
      "no such image",
    ],
  ])("%s is refused", async (_, change, reason) => {
    await expect(load("docker-archive", tar(...change(dockerMembers())))).rejects.toThrow(reason);
  });
});

test("damaged archives are read or refused with an OciError (1500 of each kind)", async () => {
  const source = random(0xa4c);
  const seeds = { "oci-archive": tar(...ociMembers(IMAGE)), "docker-archive": tar(...dockerMembers()) } as const;
  let accepted = 0;
  for (let round = 0; round < 1500; round++)
    for (const [kind, seed] of Object.entries(seeds) as [keyof typeof seeds, Uint8Array][]) {
      const bytes = seed.slice();
      for (let count = 1 + source.below(3); count > 0; count--) bytes[source.below(bytes.length)] = source.below(256);
      for (let at = 0; at + 512 <= bytes.length; at += 512) if (bytes[at + 257] === 0x75) seal(bytes, at);
      const result = await load(kind, bytes.subarray(0, bytes.length - source.pick([0, 0, 0, 700]))).catch(
        (error: unknown) => error,
      );
      if (!(result instanceof Error)) accepted++;
      else if (!(result instanceof OciError)) throw result;
    }
  expect(accepted).toBeGreaterThan(100);
  expect(accepted).toBeLessThan(3000);
}, 60_000);
