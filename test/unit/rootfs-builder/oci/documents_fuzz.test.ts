import { expect, test } from "bun:test";
import { parseImageConfig } from "../../../../rootfs-builder/oci/image_config.ts";
import { parseImageIndex, selectManifest } from "../../../../rootfs-builder/oci/image_index.ts";
import { parseManifest } from "../../../../rootfs-builder/oci/manifest.ts";
import { OciError } from "../../../../rootfs-builder/oci/oci_error.ts";
import { parsePlatform } from "../../../../rootfs-builder/oci/platform.ts";
import { runDefaults } from "../../../../rootfs-builder/oci/run_defaults.ts";
import { makeImage, makeIndex } from "../../../fixtures/rootfs-builder/oci/image.ts";
import { type Random, random } from "../../../fixtures/rootfs-builder/random.ts";

const ROUNDS = 12_000;

const image = makeImage({
  layers: ["a", "b"],
  config: { User: "1:2", Env: ["A=b"], Volumes: { "/v": {} }, ExposedPorts: { "80/tcp": {} }, StopSignal: "TERM" },
});
const index = makeIndex([{ image, platform: { os: "linux", architecture: "amd64" } }]);
const SEEDS = [...index.blobs.values()]
  .filter((bytes) => bytes[0] === 0x7b)
  .map((bytes) => new TextDecoder().decode(bytes));
const VALUES = [
  "null",
  "0",
  "-1",
  "1e999",
  "1.5",
  "[]",
  "{}",
  '""',
  '"\\u0000"',
  "true",
  '"linux"',
  "[[]]",
  '{"a":1,"a":2}',
];

/** Bytes are changed, and values put in place of values, so that what remains JSON goes deep. */
function mutate(text: string, { below, pick }: Random): string {
  const at = below(text.length);
  switch (below(4)) {
    case 0:
      return `${text.slice(0, at)}${String.fromCharCode(below(3) === 0 ? below(256) : 0x30 + below(10))}${text.slice(at + 1)}`;
    case 1:
      return text.slice(0, at);
    case 2:
      return `${text.slice(0, at)}${text.slice(below(text.length))}`;
    default:
      return text.replace(/"[^"]*"(?!:)|\d+|\[[^[\]]*\]|\{[^{}]*\}/g, (found) =>
        below(20) === 0 ? pick(VALUES as [string, ...string[]]) : found,
      );
  }
}

test(`damaged documents are read or refused with an OciError (${ROUNDS} of each kind)`, () => {
  const source = random(0x0c12);
  const readers = [
    (bytes: Uint8Array) => parseManifest(bytes, "", "x"),
    (bytes: Uint8Array) => selectManifest(parseImageIndex(bytes, "", "x"), parsePlatform("linux/amd64"), "x"),
    (bytes: Uint8Array) => runDefaults(parseImageConfig(bytes, "x"), "x"),
  ];
  const accepted = readers.map(() => 0);
  for (let round = 0; round < ROUNDS; round++) {
    let text = source.pick(SEEDS as [string, ...string[]]);
    for (let count = 1 + source.below(2); count > 0; count--) text = mutate(text, source);
    const bytes = new TextEncoder().encode(text);
    for (const [at, read] of readers.entries()) {
      try {
        read(bytes);
        accepted[at] = (accepted[at] ?? 0) + 1;
      } catch (error) {
        if (!(error instanceof OciError)) throw error;
        expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }
    }
  }
  for (const count of accepted) expect(count).toBeGreaterThan(ROUNDS / 200);
});
