import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { O_CREAT, O_RDWR, open } from "../../../../ffi/file.ts";
import type { Descriptor } from "../../../../rootfs-builder/oci/descriptor.ts";
import { downloadBlob } from "../../../../rootfs-builder/oci/download_blob.ts";
import { describe, type ImageSource } from "../../../../rootfs-builder/oci/image_source.ts";
import { OCI_LAYER } from "../../../../rootfs-builder/oci/media_type.ts";
import { OciError } from "../../../../rootfs-builder/oci/oci_error.ts";
import { recordingClock } from "../../../fixtures/rootfs-builder/oci/clock.ts";
import { TemporaryFolder } from "../../../fixtures/rootfs-builder/temporary_folder.ts";

const CONTENT = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 7) % 251);
const BLOB = describe(CONTENT, OCI_LAYER);
const BROKEN = new OciError("network", "memory", "it broke off");

/** One answer for each time that the blob is asked for; the last one is for all further times. */
type Answer = (from: number) => Iterable<Uint8Array>;

function* whole(from: number): Iterable<Uint8Array> {
  for (let at = from; at < CONTENT.length; at += 9000) yield CONTENT.slice(at, at + 9000);
}

/** `bytes` more, and then a break. */
function broken(bytes: number): Answer {
  return function* (from) {
    if (bytes > 0) yield CONTENT.slice(from, from + bytes);
    throw BROKEN;
  };
}

function* damaged(from: number): Iterable<Uint8Array> {
  yield CONTENT.map((byte) => byte ^ 1).slice(from);
}

class Source implements Pick<ImageSource, "name" | "blob"> {
  readonly name = "memory";
  readonly asked: number[] = [];
  readonly #answers: readonly Answer[];

  constructor(...answers: readonly Answer[]) {
    this.#answers = answers;
  }

  async *blob(_: Descriptor, from = 0): AsyncGenerator<Uint8Array, void, void> {
    const answer = this.#answers[Math.min(this.asked.length, this.#answers.length - 1)];
    this.asked.push(from);
    yield* answer?.(from) ?? [];
  }
}

type Downloaded = {
  readonly error: unknown;
  readonly file: Buffer;
  readonly told: readonly number[];
  readonly waits: readonly number[];
};

async function download(source: Source, before: Uint8Array = new Uint8Array(), blob = BLOB): Promise<Downloaded> {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "partial");
  writeFileSync(path, before);
  using file = open(path, O_RDWR | O_CREAT, 0o600);
  const told: number[] = [];
  const { clock, waits } = recordingClock();
  const retries = { attempts: 3, firstDelay: 100, longestDelay: 150 };
  const error = await downloadBlob(source, blob, file.number, { progress: (bytes) => told.push(bytes), clock, retries })
    .then(() => undefined)
    .catch((error: unknown) => error);
  return { error, file: readFileSync(path), told, waits };
}

function expectWhole({ error, file }: Downloaded): void {
  expect(error).toBeUndefined();
  expect(file.equals(CONTENT)).toBe(true);
}

test("a blob arrives whole, with its progress told", async () => {
  const source = new Source(whole);
  const downloaded = await download(source);
  expectWhole(downloaded);
  expect(downloaded.told[0]).toBe(0);
  expect(downloaded.told.at(-1)).toBe(CONTENT.length);
  expect(source.asked).toEqual([0]);
});

test("what is in the file is not asked for again", async () => {
  const source = new Source(whole);
  const downloaded = await download(source, CONTENT.subarray(0, 60_000));
  expectWhole(downloaded);
  expect(source.asked).toEqual([60_000]);
  expect(downloaded.told[0]).toBe(60_000);
});

test("a file that is the blob already is only hashed", async () => {
  const source = new Source(whole);
  expectWhole(await download(source, CONTENT));
  expect(source.asked).toEqual([]);
});

test.each<[string, Uint8Array]>([
  ["is as long but another", CONTENT.map((byte) => byte ^ 1)],
  ["is longer", Buffer.concat([CONTENT, CONTENT])],
])("a file that %s is begun anew", async (_, before) => {
  const source = new Source(whole);
  expectWhole(await download(source, before));
  expect(source.asked).toEqual([0]);
});

test("a beginning that was damaged since is noticed and thrown away", async () => {
  const source = new Source(whole);
  expectWhole(await download(source, new Uint8Array(60_000)));
  expect(source.asked).toEqual([60_000, 0]);
});

test("breaks are mended for as long as there is progress, after waits that grow", async () => {
  const source = new Source(broken(10_000), broken(0), broken(30_000), broken(1), broken(0), whole);
  const downloaded = await download(source);
  expectWhole(downloaded);
  expect(source.asked).toEqual([0, 10_000, 10_000, 40_000, 40_001, 40_001]);
  expect(downloaded.waits).toEqual([75, 112.5, 75, 75, 112.5]);
});

test("without progress it ends, and the file keeps what is there for another time", async () => {
  const source = new Source(broken(50_000), broken(0));
  const { error, file } = await download(source);
  expect(error).toBe(BROKEN);
  expect(file.equals(CONTENT.subarray(0, 50_000))).toBe(true);
  expect(source.asked.length).toBe(3);
});

test("a break after the last byte is mended by asking for it again", async () => {
  expectWhole(await download(new Source(broken(CONTENT.length), whole)));
});

test("damaged content leaves nothing, and is not asked for again", async () => {
  const source = new Source(damaged);
  const { error, file } = await download(source);
  expect(error).toMatchObject({ fault: "content" });
  expect(file.length).toBe(0);
  expect(source.asked).toEqual([0]);
});

test("damaged content after a good beginning is asked for once more, from the start", async () => {
  const source = new Source(damaged);
  const { error, file } = await download(source, CONTENT.subarray(0, 60_000));
  expect(error).toMatchObject({ fault: "content" });
  expect(file.length).toBe(0);
  expect(source.asked).toEqual([60_000, 0]);
});

test("an empty blob", async () => {
  const empty = describe(new Uint8Array(), OCI_LAYER);
  const { error, file } = await download(new Source(() => []), new Uint8Array(), empty);
  expect(error).toBeUndefined();
  expect(file.length).toBe(0);
});
