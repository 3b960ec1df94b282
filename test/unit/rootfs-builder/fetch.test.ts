import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { O_CREAT, O_RDWR, open } from "../../../ffi/file.ts";
import { alpineUrl, DEFAULT_MIRROR, fetchAlpine } from "../../../rootfs-builder/alpine/fetch.ts";
import type { AlpineRelease } from "../../../rootfs-builder/alpine/releases.ts";
import { RootfsError } from "../../../rootfs-builder/rootfs_error.ts";
import { TemporaryFolder } from "../../fixtures/rootfs-builder/temporary_folder.ts";

const BODY = Buffer.alloc(300_000, "tarball ");
const RELEASE: AlpineRelease = {
  version: "3.22.6",
  arch: "x86_64",
  sha512: createHash("sha512").update(BODY).digest("hex"),
};

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
type Fetched = { readonly error: unknown; readonly file: Buffer; readonly told: (number | undefined)[][] };

async function fetchFrom(answer: Answer, release = RELEASE): Promise<Fetched> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await fetchAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}/alpine/`, release);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function fetchAt(mirror: string, release = RELEASE): Promise<Fetched> {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "tarball");
  using file = open(path, O_RDWR | O_CREAT, 0o600);
  const told: (number | undefined)[][] = [];
  const progress = (bytes: number, total: number | undefined): number => told.push([bytes, total]);
  const error = await fetchAlpine(release, file.number, { mirror, progress }).catch((error: unknown) => error);
  return { error, file: readFileSync(path), told };
}

function expectFailure({ error }: Fetched, cause: string | RegExp): RootfsError {
  if (!(error instanceof RootfsError)) throw error ?? new Error("it did not fail");
  expect(error.cause).toMatch(cause);
  return error;
}

test("the address is the one that Alpine publishes", () => {
  expect(alpineUrl(RELEASE, DEFAULT_MIRROR)).toBe(
    "https://dl-cdn.alpinelinux.org/alpine/v3.22/releases/x86_64/alpine-minirootfs-3.22.6-x86_64.tar.gz",
  );
});

test("a tarball arrives whole, with the progress told", async () => {
  let asked = "";
  const { error, file, told } = await fetchFrom((request, response) => {
    asked = request.url ?? "";
    response.setHeader("content-length", BODY.length).end(BODY);
  });
  expect(error).toBeUndefined();
  expect(file.equals(BODY)).toBe(true);
  expect(asked).toBe("/alpine/v3.22/releases/x86_64/alpine-minirootfs-3.22.6-x86_64.tar.gz");
  expect(told.at(-1)).toEqual([BODY.length, BODY.length]);
});

test("a length that is not told is no obstacle", async () => {
  const { error, told } = await fetchFrom((_, response) => {
    response.write(BODY.subarray(0, 1000));
    response.end(BODY.subarray(1000));
  });
  expect(error).toBeUndefined();
  expect(told.at(-1)).toEqual([BODY.length, undefined]);
});

test("another file than the pinned one is refused, with both digests named", async () => {
  const fetched = await fetchFrom((_, response) => response.end("not the tarball"));
  const { cause, hint } = expectFailure(fetched, "is pinned");
  expect(cause).toContain(createHash("sha512").update("not the tarball").digest("hex").slice(0, 16));
  expect(cause).toContain(RELEASE.sha512.slice(0, 16));
  expect(hint).toContain("SANDBOX_ALPINE_MIRROR");
});

test("a connection that is cut is an error that tells how far it came", async () => {
  const fetched = await fetchFrom((_, response) => {
    response.setHeader("content-length", BODY.length);
    response.write(BODY.subarray(0, 1000), () => response.destroy());
  });
  expectFailure(fetched, /broke off after \d+ |socket connection was closed/);
});

test("404 asks whether the mirror's address is right", async () => {
  const fetched = await fetchFrom((_, response) => response.writeHead(404).end("no"));
  expect(expectFailure(fetched, "answered 404").hint).toContain("mirror's address");
});

test("a server's own trouble is told with its number", async () => {
  expectFailure(await fetchFrom((_, response) => response.writeHead(503).end()), "answered 503");
});

test("nobody listening is an error that says what to try", async () => {
  const { hint } = expectFailure(await fetchAt("http://127.0.0.1:1"), /connect|refused/i);
  expect(hint).toContain("--rootfs FILE.tar.gz");
});

test.each(["file:///etc", "not an address", "ftp://x/y"])("the mirror %s is refused", async (mirror) => {
  expectFailure(await fetchAt(mirror), "no http or https address");
});

test("an endless answer is ended", async () => {
  const block = Buffer.alloc(1 << 20);
  const fetched = await fetchFrom((_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(block));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  });
  expectFailure(fetched, "larger than");
});
