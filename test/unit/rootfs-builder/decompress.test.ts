import { describe, expect, test } from "bun:test";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { compressionOf, decompress } from "../../../rootfs-builder/tar/decompress.ts";
import { TarError } from "../../../rootfs-builder/tar/tar_error.ts";
import { concat } from "../../fixtures/rootfs-builder/tar_writer.ts";

const TEXT = "the quick brown fox ".repeat(5000);
const CHECKSUM = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
const COMPRESSORS = { gzip: gzipSync, zstd: zstdCompressSync, none: (text: string) => Buffer.from(text) } as const;

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function text(bytes: Uint8Array, size = 65536, limit = 1e9): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of decompress(chunked(bytes, size), { bytes: limit })) parts.push(Uint8Array.from(part));
  return new TextDecoder().decode(concat(...parts));
}

describe.each(["gzip", "zstd", "none"] as const)("decompress, %s", (format) => {
  const compress = COMPRESSORS[format];

  test.each([1, 5, 1000, 1e6])("restores the text from chunks of %d bytes", async (size) => {
    expect(await text(compress(TEXT), size)).toBe(TEXT);
  });

  test("stops at the limit, which is exact", async () => {
    expect(await text(compress(TEXT), 65536, TEXT.length)).toBe(TEXT);
    await expect(text(compress(TEXT), 65536, TEXT.length - 1)).rejects.toThrow("more than the limit");
  });

  test("passes an error of the source on as it is", async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield compress(TEXT).subarray(0, 60);
      throw new Error("the disk is gone");
    }
    await expect(Array.fromAsync(decompress(failing(), { bytes: 1e9 }))).rejects.toThrow("the disk is gone");
  });

  test("releases the source when the reader stops early", async () => {
    let released = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield compress(TEXT);
      } finally {
        released = true;
      }
    }
    for await (const _ of decompress(source(), { bytes: 1e12 })) break;
    expect(released).toBe(true);
  });
});

describe.each(["gzip", "zstd"] as const)("decompress, %s", (format) => {
  const compress = COMPRESSORS[format];

  test.each([1, 7, 1e6])("reads concatenated members in chunks of %d bytes", async (size) => {
    expect(await text(concat(compress("one "), compress("two "), compress("three")), size)).toBe("one two three");
  });

  test("refuses data that is cut off at any byte", async () => {
    const whole = compress("some text");
    for (let length = 6; length < whole.length; length++)
      await expect(text(whole.subarray(0, length))).rejects.toBeInstanceOf(TarError);
  });

  test.each([1, 7, 1e6])("refuses what follows that is no member, in chunks of %d bytes", async (size) => {
    const junk = new TextEncoder().encode("junk and more");
    await expect(text(concat(compress("text"), junk), size)).rejects.toBeInstanceOf(TarError);
    const padded = concat(compress("text"), new Uint8Array(50), junk);
    await expect(text(padded, size)).rejects.toThrow("is followed by something else");
  });

  test("refuses a member whose checksum is wrong", async () => {
    const bytes = compress(Buffer.from("some text"), format === "zstd" ? CHECKSUM : {});
    const at = format === "zstd" ? bytes.length - 1 : bytes.length - 6;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await expect(text(bytes)).rejects.toThrow(`the ${format} data is damaged`);
  });

  test("ends what unpacks to too many bytes for each of its own", async () => {
    const bomb = compress(Buffer.alloc(90_000_000) as never);
    const drain = async (ratio: number): Promise<void> => {
      for await (const _ of decompress(chunked(bomb, 65536), { bytes: 1e12, ratio }));
    };
    await expect(drain(500)).rejects.toThrow("more than the limit of 500 bytes for each of its own");
    await drain(50_000);
  });

  test("ends a bomb without unpacking it", async () => {
    const bomb = compress(Buffer.alloc(50_000_000) as never);
    expect(bomb.length).toBeLessThan(60_000);
    let most = 0;
    const drain = async (): Promise<void> => {
      for await (const part of decompress(chunked(bomb, 65536), { bytes: 1_000_000 })) most += part.length;
    };
    await expect(drain()).rejects.toThrow("more than the limit of 1000000 bytes");
    await drain().catch(() => {});
    expect(most).toBeLessThanOrEqual(2_000_000);
  });
});

test.each([1, 100, 1e6])("zeros after gzip are padding, in chunks of %d bytes", async (size) => {
  expect(await text(concat(gzipSync("text"), new Uint8Array(1500)), size)).toBe("text");
});

test("more padding than is read ahead does not hold it up", async () => {
  expect(await text(concat(gzipSync(TEXT), new Uint8Array(20_000_000)))).toBe(TEXT);
  const junk = concat(gzipSync(TEXT), new Uint8Array(20_000_000), new Uint8Array([1]));
  await expect(text(junk)).rejects.toThrow("is followed by something else");
});

test("frames of zstd are told apart with and without their optional fields", async () => {
  const options = (...flags: number[]): object => ({ params: Object.fromEntries(flags.map((flag) => [flag, 1])) });
  const frames = [0, 10, 300, 70_000, 1_000_000].flatMap((size) =>
    [options(), options(constants.ZSTD_c_checksumFlag)].map((flags) => zstdCompressSync("x".repeat(size), flags)),
  );
  expect((await text(concat(...frames), 999)).length).toBe(2 * 1_070_310);
});

test("a zstd stream may begin with a skippable frame", async () => {
  const frame = new Uint8Array([0x53, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]);
  expect(await text(concat(frame, zstdCompressSync("after")))).toBe("after");
});

test.each([
  ["bzip2", [0x42, 0x5a, 0x68, 0x39, 0, 0]],
  ["zip", [0x50, 0x4b, 0x03, 0x04, 0, 0]],
] as const)("%s is refused by name", (format, head) => {
  expect(() => compressionOf(new Uint8Array(head))).toThrow(`it is a ${format} file`);
});

describe("decompress, xz", () => {
  const text_ = (base64: string, size = 65536, limit = 1e9): Promise<string> =>
    text(Uint8Array.fromBase64(base64), size, limit);
  // xz -9 of TEXT, so that the test needs no xz; the second with --check=sha256, of "text".
  const XZ =
    "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4YafAGldADoaCM52x+Xp1gc0w9EOv85V4aq94R0LP9sEl1BXJnTDp6IQ9/uWYgW6mhp4IyveaHDnlw6KDh9KL8MAu5gmHCl5ZtAHwiAIPt2HflKcwPga1PVhSjh0lGGNFZ/pSa1DXEKRyERgAtUAAAAAAAD5mnEZKMgdSAABhQGgjQYAVk6UQrHEZ/sCAAAAAARZWg==";
  const SHA256 =
    "/Td6WFoAAArh+wyhAgAhARYAAAB0L+WjAQADdGV4dACYLZ4+uZb1WeYz9NGU3vN2HZCfWjtkfRqFH+rWfDLJ0QABNATFgsGcGJtLmgEAAAAAClla";
  const whole = Uint8Array.fromBase64(XZ);

  test.each([1, 7, 1e6])("restores the text, of streams one after another too, in chunks of %d bytes", async (size) => {
    expect(await text_(XZ, size)).toBe(TEXT);
    expect(await text(concat(whole, new Uint8Array(8), whole), size)).toBe(TEXT + TEXT);
  });

  test("stops at the limit", async () => {
    await expect(text_(XZ, 65536, 1000)).rejects.toThrow("more than the limit of 1000 bytes");
  });

  test("refuses data that is cut off or damaged, and what follows that is no stream", async () => {
    for (let length = 6; length < whole.length; length += 3)
      await expect(text(whole.subarray(0, length))).rejects.toThrow("the xz data is damaged or cut off");
    await expect(text(concat(whole, new TextEncoder().encode("junk")))).rejects.toBeInstanceOf(TarError);
    const damaged = whole.slice();
    damaged[40] = (damaged[40] ?? 0) ^ 1;
    await expect(text(damaged)).rejects.toBeInstanceOf(TarError);
  });

  test("names the mend where the library lacks what is needed", async () => {
    await expect(text_(SHA256)).rejects.toThrow("unpack it with xz -d first");
  });

  test("passes an error of the source on as it is, and releases it", async () => {
    let released = false;
    async function* failing(): AsyncGenerator<Uint8Array> {
      try {
        yield whole.subarray(0, 50);
        throw new Error("the disk is gone");
      } finally {
        released = true;
      }
    }
    await expect(Array.fromAsync(decompress(failing(), { bytes: 1e9 }))).rejects.toThrow("the disk is gone");
    expect(released).toBe(true);
  });
});

test("a short or empty head is plain", () => {
  expect(compressionOf(new Uint8Array())).toBe("none");
  expect(compressionOf(new Uint8Array([0x1f]))).toBe("none");
});
