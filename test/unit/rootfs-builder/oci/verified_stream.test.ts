import { expect, test } from "bun:test";
import { digestOf } from "../../../../rootfs-builder/oci/digest.ts";
import { OciError } from "../../../../rootfs-builder/oci/oci_error.ts";
import { BlobVerifier, verifiedStream } from "../../../../rootfs-builder/oci/verified_stream.ts";

const CONTENT = new TextEncoder().encode("the content of a blob");

async function* chunks(bytes: Uint8Array, size: number, then?: Error): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
  if (then) throw then;
}

type Read = { readonly text: string; readonly error: unknown };

async function readAll(source: AsyncIterable<Uint8Array>, verifier: BlobVerifier): Promise<Read> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const chunk of verifiedStream(source, verifier)) text += decoder.decode(chunk, { stream: true });
    return { text, error: undefined };
  } catch (error) {
    return { text, error };
  }
}

const expected = (bytes = CONTENT) => ({ digest: digestOf(bytes), size: bytes.length });

test.each([1, 2, 7, CONTENT.length, 1000])("the right content passes, in chunks of %d", async (size) => {
  const { text, error } = await readAll(chunks(CONTENT, size), new BlobVerifier(expected(), "x"));
  expect(error).toBeUndefined();
  expect(text).toBe("the content of a blob");
});

test("by sha512 too, and when it is empty", async () => {
  const sha512 = { digest: digestOf(CONTENT, "sha512"), size: CONTENT.length };
  expect((await readAll(chunks(CONTENT, 4), new BlobVerifier(sha512, "x"))).error).toBeUndefined();
  const empty = new Uint8Array();
  expect((await readAll(chunks(empty, 1), new BlobVerifier(expected(empty), "x"))).error).toBeUndefined();
});

test.each<[string, (bytes: Uint8Array) => Uint8Array, string]>([
  ["changed", (bytes) => bytes.map((byte, at) => (at === 3 ? byte ^ 1 : byte)), "has the digest"],
  ["changed at its very end", (bytes) => bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte)), "has the digest"],
  ["too short", (bytes) => bytes.subarray(0, -1), "ended after 20 of 21 bytes"],
  ["absent", () => new Uint8Array(), "ended after 0 of 21 bytes"],
  ["too long", (bytes) => Buffer.concat([bytes, Uint8Array.of(0)]), "longer than the 21 bytes"],
])("content that is %s never comes to its end", async (_, change, reason) => {
  for (const size of [1, 5, 20, 21, 1000]) {
    const { text, error } = await readAll(chunks(change(CONTENT), size), new BlobVerifier(expected(), "memory"));
    if (!(error instanceof OciError)) throw error ?? new Error("it was accepted");
    expect(error.fault).toBe("content");
    expect(error.message).toContain("memory, the blob sha256:");
    expect(error.reason).toContain(reason);
    expect(text.length).toBeLessThan(CONTENT.length);
  }
});

test("an endless source is ended at the size", async () => {
  let asked = 0;
  async function* endless(): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      asked++;
      yield new Uint8Array(10);
    }
  }
  const { error } = await readAll(endless(), new BlobVerifier(expected(), "x"));
  expect(String(error)).toContain("longer than");
  expect(asked).toBeLessThan(5);
});

test.each([1, 4, 21])("another stream goes on where one has broken off, in chunks of %d", async (size) => {
  const verifier = new BlobVerifier(expected(), "x");
  const first = await readAll(chunks(CONTENT.subarray(0, 12), size, new Error("broken")), verifier);
  expect(String(first.error)).toContain("broken");
  expect(verifier.length).toBe(first.text.length);
  const second = await readAll(chunks(CONTENT.subarray(verifier.length), size), verifier);
  expect(second.error).toBeUndefined();
  expect(first.text + second.text).toBe("the content of a blob");
});

test("a break after the last byte has not eaten what was not handed out", async () => {
  const verifier = new BlobVerifier(expected(), "x");
  const { text } = await readAll(chunks(CONTENT, 20, new Error("broken")), verifier);
  expect(text.length).toBe(20);
  expect(verifier.length).toBe(20);
});

test("the connection of a blob that is refused is closed", async () => {
  let closed = false;
  async function* source(): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* chunks(new Uint8Array(100), 10);
    } finally {
      closed = true;
    }
  }
  await readAll(source(), new BlobVerifier(expected(), "x"));
  expect(closed).toBe(true);
});
