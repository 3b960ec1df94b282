import { describe, expect, test } from "bun:test";
import { parseImageConfig } from "../../../../rootfs-builder/oci/image_config.ts";
import { parseImageIndex } from "../../../../rootfs-builder/oci/image_index.ts";
import { JsonView } from "../../../../rootfs-builder/oci/json_view.ts";
import { LARGEST_MANIFEST, parseManifest } from "../../../../rootfs-builder/oci/manifest.ts";
import {
  DOCKER_CONFIG,
  DOCKER_LAYER,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_MANIFEST,
} from "../../../../rootfs-builder/oci/media_type.ts";
import { OciError } from "../../../../rootfs-builder/oci/oci_error.ts";
import { encode, type Json } from "../../../fixtures/rootfs-builder/oci/image.ts";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;
const CONFIG = { mediaType: OCI_CONFIG, digest: DIGEST, size: 2 };
const LAYER = { mediaType: `${OCI_LAYER}+gzip`, digest: DIGEST, size: 10 };

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof OciError) return error.message;
    throw error;
  }
  throw new Error("it was accepted");
}

function manifestOf(patch: Readonly<Record<string, Json>> = {}, mediaType: string = OCI_MANIFEST) {
  const document = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: CONFIG, layers: [LAYER], ...patch };
  return parseManifest(encode(document), mediaType, "the manifest");
}

function configOf(patch: Readonly<Record<string, Json>> = {}) {
  const document = { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [DIGEST] }, ...patch };
  return parseImageConfig(encode(document), "the configuration");
}

describe("a manifest", () => {
  test("of OCI and of Docker is read alike", () => {
    expect(manifestOf().layers[0]).toMatchObject({ digest: DIGEST, size: 10, compression: "gzip" });
    const docker = {
      mediaType: DOCKER_MANIFEST,
      config: { ...CONFIG, mediaType: DOCKER_CONFIG },
      layers: [{ ...LAYER, mediaType: `${DOCKER_LAYER}.gzip` }],
    };
    expect(manifestOf(docker, `${DOCKER_MANIFEST}; charset=utf-8`).layers[0]).toMatchObject({ compression: "gzip" });
  });

  test.each([
    [OCI_LAYER, "none"],
    [`${OCI_LAYER}+zstd`, "zstd"],
    [DOCKER_LAYER, "none"],
    [`${DOCKER_LAYER}.zstd`, "zstd"],
  ])("has layers of %s", (mediaType, compression) =>
    expect(manifestOf({ layers: [{ ...LAYER, mediaType }] }).layers[0]?.compression).toBe(compression as "none"),
  );

  test("need not say its type, and may have no layers or null for them", () => {
    expect(manifestOf({ mediaType: null }, OCI_MANIFEST).mediaType).toBe(OCI_MANIFEST);
    expect(manifestOf({ mediaType: null }, "").mediaType).toBe(OCI_MANIFEST);
    expect(manifestOf({ layers: null }).layers).toEqual([]);
  });

  test.each<[string, Record<string, Json>, string]>([
    ["of schema 1", { schemaVersion: 1, mediaType: null }, "schema 1"],
    ["without a version", { schemaVersion: null }, "has no schemaVersion"],
    ["of another version", { schemaVersion: 3 }, "has schemaVersion 3"],
    ["that says it is an index", { mediaType: OCI_INDEX }, "but came as"],
    ["that is an index too", { manifests: [] }, 'has "manifests" too'],
    ["that is of schema 1 too", { fsLayers: [] }, 'has "fsLayers" too'],
    ["without a configuration", { config: null }, "config is missing"],
    ["of a Helm chart", { config: { ...CONFIG, mediaType: "application/vnd.cncf.helm.config.v1+json" } }, "artifact"],
    [
      "with a layer elsewhere",
      { layers: [{ ...LAYER, mediaType: `${DOCKER_LAYER.replace("diff", "foreign.diff")}.gzip` }] },
      "layers[0]: it is a foreign",
    ],
    [
      "with a non-distributable layer",
      { layers: [{ ...LAYER, mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" }] },
      "foreign",
    ],
    ["with an encrypted layer", { layers: [{ ...LAYER, mediaType: `${OCI_LAYER}+gzip+encrypted` }] }, "encrypted"],
    ["with a layer of no known kind", { layers: [{ ...LAYER, mediaType: "constructor" }] }, "no kind of layer"],
    ["with a negative size", { layers: [{ ...LAYER, size: -1 }] }, "layers[0].size: it is -1, not within"],
    ["with a broken size", { layers: [{ ...LAYER, size: 1.5 }] }, "layers[0].size: it is no whole number"],
    ["with a huge size", { layers: [{ ...LAYER, size: 2 ** 41 }] }, "not within"],
    ["with a size that is text", { layers: [{ ...LAYER, size: "1" }] }, "no whole number"],
    ["without a size", { layers: [{ ...LAYER, size: null }] }, "layers[0].size is missing"],
    ["with a path for a digest", { layers: [{ ...LAYER, digest: "sha256:../../x" }] }, "layers[0].digest: "],
    ["with a digest too short", { layers: [{ ...LAYER, digest: "sha256:ab" }] }, "has 2 characters"],
    ["with a digest that is a number", { layers: [{ ...LAYER, digest: 7 }] }, "is no text"],
    ["with layers that are no list", { layers: {} }, "layers: it is no list"],
    ["with a layer that is none", { layers: [[]] }, "layers[0]: it is no object"],
    ["with too many layers", { layers: Array.from({ length: 1001 }, () => LAYER) }, "more than the 1000 allowed"],
    ["with annotations that are no text", { annotations: { a: 1 } }, "annotations.a: it is no text"],
  ])("%s is refused", (_, patch, reason) => {
    const came = patch.mediaType === null ? "" : OCI_MANIFEST;
    expect(refusal(() => manifestOf(patch, came))).toContain(reason);
  });

  test("of schema 1 by its header is refused by name", () => {
    const type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    expect(refusal(() => manifestOf({ mediaType: null }, type))).toContain("schema 1");
  });
});

describe("an index", () => {
  const indexOf = (patch: Readonly<Record<string, Json>>, mediaType = "") =>
    parseImageIndex(encode({ schemaVersion: 2, manifests: [], ...patch }), mediaType, "the index");

  test("of OCI and of Docker is read alike", () => {
    expect(indexOf({}).mediaType).toBe(OCI_INDEX);
    expect(indexOf({ manifests: null }).manifests).toEqual([]);
    expect(indexOf({ mediaType: DOCKER_LIST }, DOCKER_LIST).mediaType).toBe(DOCKER_LIST);
  });

  test.each<[string, Record<string, Json>, string]>([
    ["that is a manifest too", { layers: [] }, 'has "layers" too'],
    ["with a configuration", { config: CONFIG }, 'has "config" too'],
    ["that says it is a manifest", { mediaType: OCI_MANIFEST }, "no image index"],
    ["with too many entries", { manifests: Array.from({ length: 10_001 }, () => LAYER) }, "more than the 10000"],
    ["with a platform that is text", { manifests: [{ ...LAYER, platform: "linux" }] }, "platform: it is no object"],
  ])("%s is refused", (_, patch, reason) => expect(refusal(() => indexOf(patch))).toContain(reason));
});

describe("a configuration", () => {
  test("is read", () => {
    const config = configOf({
      created: "2026-01-01T00:00:00Z",
      config: { User: "1:2", Env: ["A=b"], Cmd: null, Entrypoint: [], Volumes: { "/data": {} }, Labels: { a: "b" } },
      history: [{ created_by: "RUN x", empty_layer: true }, {}],
    });
    expect(config.config).toMatchObject({
      user: "1:2",
      env: ["A=b"],
      cmd: undefined,
      entrypoint: [],
      volumes: ["/data"],
    });
    expect(config.diffIds).toEqual([DIGEST as `sha256:${string}`]);
    expect(config.history.map(({ emptyLayer }) => emptyLayer)).toEqual([true, false]);
  });

  test("may have no part for running", () => expect(configOf({ config: null }).config.env).toEqual([]));

  test("keeps a label called __proto__ a label", () => {
    const bytes = new TextEncoder().encode(
      `{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":[]},"config":{"Labels":{"__proto__":"x"}}}`,
    );
    const { labels } = parseImageConfig(bytes, "the configuration").config;
    expect(Object.keys(labels)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(labels)).toBe(Object.prototype);
  });

  test.each<[string, Record<string, Json>, string]>([
    ["without layers", { rootfs: null }, "rootfs is missing"],
    ["of another kind", { rootfs: { type: "x", diff_ids: [] } }, 'is not "layers"'],
    ["with a diff id that is none", { rootfs: { diff_ids: ["x"] } }, "rootfs.diff_ids[0]: "],
    ["with too many diff ids", { rootfs: { diff_ids: Array.from({ length: 1001 }, () => DIGEST) } }, "1000 allowed"],
    ["without an architecture", { architecture: null }, "architecture is missing"],
    ["whose command is text", { config: { Cmd: "sh" } }, "config.Cmd: it is no list"],
    ["whose environment holds numbers", { config: { Env: [1] } }, "config.Env[0]: it is no text"],
    ["whose labels hold objects", { config: { Labels: { a: {} } } }, "config.Labels.a: it is no text"],
  ])("%s is refused", (_, patch, reason) => expect(refusal(() => configOf(patch))).toContain(reason));
});

describe("JSON", () => {
  const parse = (text: string) => JsonView.parse(new TextEncoder().encode(text), "x", LARGEST_MANIFEST);

  test.each([
    ["", "no JSON"],
    ["[]", "no object"],
    ["null", "no object"],
    ["{", "no JSON"],
    ['{"a":1}x', "no JSON"],
    ["\ufeff{}", "no JSON"],
    ['{"a":NaN}', "no JSON"],
    ['{"a":1,"a":2}', 'the field "a" comes twice'],
    ['{"a":1,"\\u0061" : 2}', 'the field "a" comes twice'],
    ['{"x":[{"a":{}},{"b":{"c":1,"c":1}}]}', 'the field "c" comes twice'],
    [`{"a":${"[".repeat(64)}${"]".repeat(64)}}`, "nested deeper than 64"],
    ["[".repeat(4_000_000), "nested deeper than 64"],
  ])("%.40s is refused", (text, reason) => expect(refusal(() => parse(text))).toContain(reason));

  test("may use a key again in another object, or as a value", () => {
    parse('{"a":{"a":["a","a",{"a":1}]},"b":{"a":"\\"a\\":"}}');
  });

  test("that is no UTF-8 or too long is refused", () => {
    expect(refusal(() => JsonView.parse(Uint8Array.of(0x7b, 0xff, 0x7d), "x", 10))).toContain("no UTF-8");
    expect(refusal(() => JsonView.parse(new Uint8Array(11), "x", 10))).toContain("more than the 10");
  });

  test("1e999 is no size", () => {
    expect(refusal(() => parse('{"a":1e999}').field("a").integer(0, 10))).toContain("no whole number");
    expect(refusal(() => parse('{"a":1e300}').field("a").integer(0, 10))).toContain("not within");
  });
});
