// Servers that fail, lie, stall and send elsewhere: what the client makes of it, request by request.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { O_CREAT, O_RDWR, open } from "../../../ffi/file.ts";
import { version } from "../../../package.json";
import { systemClock } from "../../../rootfs-builder/oci/clock.ts";
import { downloadBlob } from "../../../rootfs-builder/oci/download_blob.ts";
import { readVerified } from "../../../rootfs-builder/oci/image_source.ts";
import type { RegistryOptions } from "../../../rootfs-builder/oci/registry/registry_source.ts";
import { resolveImage } from "../../../rootfs-builder/oci/resolve_image.ts";
import { recordingClock } from "../../fixtures/rootfs-builder/oci/clock.ts";
import { makeImage } from "../../fixtures/rootfs-builder/oci/image.ts";
import {
  type Answer,
  answerBlob,
  answerBroken,
  answerError,
  answerManifest,
  FakeRegistry,
} from "../../support/fake_registry.ts";
import { AMD64, failure, firstLayer, QUICK, selfSigned, sourceOf, texts } from "../../support/registry_client.ts";
import { absent, testWhere } from "../../support/test_where.ts";
import { workspace } from "../../support/workspace.ts";

const here = workspace();
const IMAGE = makeImage({ layers: ["x".repeat(100_000)], level: 0 });
const MANIFEST = IMAGE.blobs.get(IMAGE.manifest.digest) ?? new Uint8Array();
const [[LAYER, LAYER_BYTES] = ["", new Uint8Array()]] = [...IMAGE.blobs];
const isLayer = (path: string): boolean => path.endsWith(LAYER);

/** Answers the first `count` requests whose path contains `part` by `answer`. */
function first(count: number, part: string, answer: Answer): Answer {
  let left = count;
  return (asked, response) => asked.path.includes(part) && left-- > 0 && answer(asked, response);
}

let files = 0;
const NEVER = new Promise<void>(() => {});

/** The layer; `arrived` when the first 40,000 bytes have. */
async function download(
  registry: FakeRegistry,
  options: Partial<RegistryOptions> = {},
  arrived: () => void = () => {},
): Promise<Buffer> {
  const progress = (bytes: number): void => {
    if (bytes >= 40_000) arrived();
  };
  const source = sourceOf(registry.name, options);
  const blob = await firstLayer(source);
  const path = join(here.root, `partial-${files++}`);
  using file = open(path, O_RDWR | O_CREAT, 0o600);
  await downloadBlob(source, blob, file.number, { retries: QUICK, progress });
  return readFileSync(path);
}

test("requests say who asks, and want bytes as they are", async () => {
  await using registry = await FakeRegistry.start(IMAGE);
  await resolveImage(sourceOf(registry.name), AMD64);
  const [asked] = registry.askedFor("/manifests/v1");
  expect(asked?.headers["user-agent"]).toBe(`sandbox/${version}`);
  expect(asked?.headers["accept-encoding"]).toBe("identity");
  expect(asked?.headers.accept).toContain("application/vnd.oci.image.index.v1+json, ");
  expect(asked?.headers.authorization).toBeUndefined();
});

test.each([429, 500, 502, 503, 504])("after %d it is tried again, later each time", async (status) => {
  const busy = first(2, "/manifests/", (_, response) => answerError(response, status, "BUSY", "wait"));
  await using registry = await FakeRegistry.start(IMAGE, busy);
  const { clock, waits } = recordingClock();
  const retries = { attempts: 3, firstDelay: 100, longestDelay: 1000 };
  await resolveImage(sourceOf(registry.name, { clock, retries }), AMD64);
  expect(waits).toEqual([75, 150]);
});

test.each([
  [429, "limited", "too many requests were made (429)"],
  [503, "server", "the registry failed (503)"],
] as const)("%d again and again is an error", async (status, fault, reason) => {
  await using registry = await FakeRegistry.start(IMAGE, (_, response) =>
    answerError(response, status, "BUSY", "\u001b[31mwait"),
  );
  const error = await failure(sourceOf(registry.name).root());
  expect(error).toMatchObject({ fault });
  expect(error.reason).toBe(`${reason}: "BUSY: \\u001b[31mwait" (3 tries)`);
  expect(registry.askedFor("/manifests/").length).toBe(3);
});

test("a server that says how long to wait is heard, but not for ever", async () => {
  const limited = (wait: string): Answer =>
    first(1, "/manifests/", (_, response) => {
      response.setHeader("retry-after", wait);
      return answerError(response, 429, "TOOMANYREQUESTS", "slow down");
    });
  const { clock, waits } = recordingClock();
  {
    await using registry = await FakeRegistry.start(IMAGE, limited("17"));
    await sourceOf(registry.name, { clock }).root();
    expect(waits).toEqual([17_000]);
  }
  await using registry = await FakeRegistry.start(IMAGE, limited("3600"));
  const error = await failure(sourceOf(registry.name, { clock }).root());
  expect(error.message).toContain("it asks to wait 3600 seconds");
  expect(waits.length).toBe(1);
});

test.each([400, 403, 404, 405, 418])("%d is not tried again", async (status) => {
  await using registry = await FakeRegistry.start(IMAGE, (_, response) => answerError(response, status, "NO", "no"));
  expect((await failure(sourceOf(registry.name).root())).message).toContain(`${status}`);
  expect(registry.askedFor("/manifests/").length).toBe(1);
});

test("a page of a server that is no registry", async () => {
  await using registry = await FakeRegistry.start(IMAGE, (_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<html>");
    return true;
  });
  const source = sourceOf(registry.name);
  expect((await failure(resolveImage(source, AMD64))).message).toContain("it is no JSON");
});

test("a manifest that breaks off is asked for again", async () => {
  const broken = first(2, "/manifests/", (_, response) =>
    answerBroken(response, MANIFEST.subarray(0, 50), MANIFEST.length, Promise.resolve()),
  );
  await using registry = await FakeRegistry.start(IMAGE, broken);
  expect((await resolveImage(sourceOf(registry.name), AMD64)).manifestBytes).toEqual(new Uint8Array(MANIFEST));
  expect(registry.askedFor("/manifests/").length).toBe(3);
});

test.each<[string, Uint8Array, string]>([
  ["cut off", MANIFEST.subarray(0, -10), "has not the digest"],
  [
    "another",
    new TextEncoder().encode(new TextDecoder().decode(MANIFEST).replace("schemaVersion", "schemaVersjon")),
    "has not the digest",
  ],
])("a manifest that is %s is refused", async (_, bytes, reason) => {
  const answer = first(10, "/manifests/", (_, response) => {
    response.writeHead(200, {
      "content-type": IMAGE.manifest.mediaType,
      "docker-content-digest": IMAGE.manifest.digest,
    });
    response.end(bytes);
    return true;
  });
  await using registry = await FakeRegistry.start(IMAGE, answer);
  expect(await failure(sourceOf(registry.name).root())).toMatchObject({ fault: "content" });
  const byDigest = sourceOf(`${registry.host}/app@${IMAGE.manifest.digest}`);
  expect((await failure(byDigest.root())).reason).toContain(reason);
});

test("an endless manifest is ended", async () => {
  const block = Buffer.alloc(1 << 20, " ");
  const endless = first(1, "/manifests/", (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(block));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
    return true;
  });
  await using registry = await FakeRegistry.start(IMAGE, endless);
  expect((await failure(sourceOf(registry.name).root())).message).toContain("more than 4194304 bytes");
});

test("a layer whose connection breaks goes on where it was", async () => {
  const arrived = Promise.withResolvers<void>();
  const broken = first(1, LAYER, (_, response) =>
    answerBroken(response, LAYER_BYTES.subarray(0, 40_000), LAYER_BYTES.length, arrived.promise),
  );
  await using registry = await FakeRegistry.start(IMAGE, broken);
  expect((await download(registry, {}, arrived.resolve)).equals(LAYER_BYTES)).toBe(true);
  const [, again] = registry.asked.filter(({ path }) => isLayer(path));
  expect(again?.headers.range).toBe("bytes=40000-");
});

test("a server that knows no ranges is read from the start, and what is there is passed over", async () => {
  const arrived = Promise.withResolvers<void>();
  let broken = false;
  await using registry = await FakeRegistry.start(IMAGE, ({ path }, response) => {
    if (!isLayer(path)) return false;
    if (broken) return answerBlob(response, LAYER_BYTES);
    broken = true;
    return answerBroken(response, LAYER_BYTES.subarray(0, 40_000), LAYER_BYTES.length, arrived.promise);
  });
  expect((await download(registry, {}, arrived.resolve)).equals(LAYER_BYTES)).toBe(true);
});

test.each<[string, (response: import("node:http").ServerResponse) => void, string]>([
  [
    "of another place",
    (response) => response.setHeader("content-range", `bytes 0-${LAYER_BYTES.length - 1}/${LAYER_BYTES.length}`),
    "came",
  ],
  ["of another length", (response) => response.setHeader("content-range", "bytes 40000-49999/50000"), "came"],
  ["without a place", () => {}, 'and "" came'],
])("a part %s is refused", async (_, change, reason) => {
  const arrived = Promise.withResolvers<void>();
  let asked = 0;
  await using registry = await FakeRegistry.start(IMAGE, ({ path }, response) => {
    if (!isLayer(path)) return false;
    if (asked++ === 0)
      return answerBroken(response, LAYER_BYTES.subarray(0, 40_000), LAYER_BYTES.length, arrived.promise);
    change(response);
    response.writeHead(206).end(LAYER_BYTES.subarray(40_000));
    return true;
  });
  const error = await failure(download(registry, {}, arrived.resolve));
  expect(error).toMatchObject({ fault: "content" });
  expect(error.reason).toContain(reason);
});

test.each<[string, Uint8Array, string]>([
  ["shorter than its descriptor says", LAYER_BYTES.subarray(0, -1), "and the registry has"],
  ["longer than its descriptor says", Buffer.concat([LAYER_BYTES, Uint8Array.of(0)]), "and the registry has"],
  ["of the right size with other bytes", LAYER_BYTES.map((byte) => byte ^ 1), "its content has the digest"],
])("a layer %s is refused", async (_, bytes, reason) => {
  await using registry = await FakeRegistry.start(
    IMAGE,
    ({ path }, response) => isLayer(path) && answerBlob(response, bytes),
  );
  const error = await failure(download(registry));
  expect(error).toMatchObject({ fault: "content" });
  expect(error.reason).toContain(reason);
});

test.each<[string, Uint8Array, string]>([
  ["ends too early", LAYER_BYTES.subarray(0, -1), "it ended after"],
  ["goes on", Buffer.concat([LAYER_BYTES, Uint8Array.of(0)]), "it is longer than"],
])("a layer of untold length that %s is refused", async (_, bytes, reason) => {
  await using registry = await FakeRegistry.start(IMAGE, ({ path }, response) => {
    if (!isLayer(path)) return false;
    response.writeHead(200);
    response.write(bytes.subarray(0, 10));
    response.end(bytes.subarray(10));
    return true;
  });
  expect((await failure(download(registry))).reason).toContain(reason);
});

test("a layer that comes compressed on top is refused", async () => {
  await using registry = await FakeRegistry.start(IMAGE, ({ path }, response) => {
    if (!isLayer(path)) return false;
    response.writeHead(200, { "content-encoding": "gzip" }).end(Bun.gzipSync(Buffer.from(LAYER_BYTES)));
    return true;
  });
  expect((await failure(download(registry))).reason).toContain('it comes in the encoding "gzip"');
});

const IMPATIENT = { silence: 150, document: 400 };

test("a server that gives no answer is left, and asked again", async () => {
  const silent = first(1, "/manifests/", () => true);
  await using registry = await FakeRegistry.start(IMAGE, silent);
  await sourceOf(registry.name, { limits: IMPATIENT, clock: systemClock }).root();
  expect(registry.askedFor("/manifests/").length).toBe(2);
});

test("a server that stops in the middle of a layer is left, and the rest is had", async () => {
  const stalled = first(1, LAYER, (_, response) =>
    answerBroken(response, LAYER_BYTES.subarray(0, 40_000), LAYER_BYTES.length, NEVER),
  );
  await using registry = await FakeRegistry.start(IMAGE, stalled);
  expect((await download(registry, { limits: IMPATIENT })).equals(LAYER_BYTES)).toBe(true);
});

test("a server that sends a byte now and then is not waited for", async () => {
  let timers = 0;
  await using registry = await FakeRegistry.start(IMAGE, ({ path }, response) => {
    if (!isLayer(path)) return false;
    response.writeHead(200, { "content-length": LAYER_BYTES.length });
    const drip = setInterval(() => response.write(Uint8Array.of(0)), 20);
    timers++;
    response.on("close", () => clearInterval(drip));
    return true;
  });
  const source = sourceOf(registry.name, { limits: IMPATIENT });
  const error = await failure(readVerified(source, await firstLayer(source), 1 << 20));
  expect(error).toMatchObject({ fault: "network" });
  expect(error.reason).toContain("too slowly");
  expect(timers).toBe(1);
});

test("a blob's store elsewhere gets no login, and neither does the way there", async () => {
  await using store = await FakeRegistry.start(IMAGE);
  await using registry = await FakeRegistry.start(IMAGE, ({ path, headers }, response) => {
    if (headers.authorization === undefined) {
      response.setHeader("www-authenticate", 'Basic realm="x"');
      return answerError(response, 401, "UNAUTHORIZED", "who?");
    }
    if (!path.includes("/blobs/")) return false;
    response.writeHead(307, { location: `http://localhost:${store.port}${path}` }).end();
    return true;
  });
  const auths = { [registry.host]: { username: "alice", password: "secret" } };
  const environment = { REGISTRY_AUTH_FILE: here.file("auth.json", JSON.stringify({ auths })) };
  const source = sourceOf(registry.name, { environment });
  expect(await texts(source, await resolveImage(source, AMD64))).toEqual(["x".repeat(100_000)]);
  expect(store.askedFor("/blobs/").length).toBe(2);
  for (const { headers } of store.asked) expect(headers.authorization).toBeUndefined();
  expect(registry.askedFor("/blobs/").every(({ headers }) => headers.authorization !== undefined)).toBe(true);
});

test("another port of the same host is another origin; the same origin keeps the login", async () => {
  const seen: (string | undefined)[] = [];
  await using registry = await FakeRegistry.start(IMAGE, ({ path, headers }, response) => {
    if (path === "/elsewhere") {
      seen.push(headers.authorization);
      return answerManifest(response, MANIFEST, IMAGE.manifest.digest);
    }
    if (headers.authorization === undefined) {
      response.setHeader("www-authenticate", 'Basic realm="x"');
      return answerError(response, 401, "UNAUTHORIZED", "who?");
    }
    if (!path.includes("/manifests/")) return false;
    response.writeHead(302, { location: "/elsewhere" }).end();
    return true;
  });
  const auths = { [registry.host]: { username: "alice", password: "secret" } };
  const environment = { REGISTRY_AUTH_FILE: here.file("auth.json", JSON.stringify({ auths })) };
  await sourceOf(registry.name, { environment }).root();
  expect(seen).toEqual([`Basic ${Buffer.from("alice:secret").toString("base64")}`]);
});

test.each<[string, string, string]>([
  ["round in circles", "/v2/app/manifests/v1", "more than 5 times"],
  ["to a file", "file:///etc/passwd", "neither http nor https"],
  ["to an address with a password", "http://user:secret@127.0.0.1:1/", "with a password in it"],
  ["nowhere", "http://", "no address"],
])("a redirection %s is refused", async (_, location, reason) => {
  await using registry = await FakeRegistry.start(IMAGE, ({ path }, response) => {
    if (path === "/v2/") return false;
    response.writeHead(302, { location }).end();
    return true;
  });
  const error = await failure(sourceOf(registry.name).root());
  expect(error).toMatchObject({ fault: "protocol" });
  expect(error.reason).toContain(reason);
  expect(error.message).not.toContain("secret");
});

test("a store elsewhere that asks for a login does not get one", async () => {
  await using store = await FakeRegistry.start(IMAGE, ({ path }, response) => {
    response.setHeader("www-authenticate", `Bearer realm="http://localhost:${store.port}/token"`);
    return path.includes("/blobs/") && answerError(response, 401, "UNAUTHORIZED", "who?");
  });
  await using registry = await FakeRegistry.start(IMAGE, ({ path }, response) => {
    if (!path.includes("/blobs/")) return false;
    response.writeHead(307, { location: `http://localhost:${store.port}${path}` }).end();
    return true;
  });
  const auths = { [registry.host]: { username: "alice", password: "secret" } };
  const environment = { REGISTRY_AUTH_FILE: here.file("auth.json", JSON.stringify({ auths })) };
  expect(await failure(resolveImage(sourceOf(registry.name, { environment }), AMD64))).toMatchObject({
    fault: "denied",
  });
  expect(store.askedFor("/token")).toEqual([]);
});

testWhere(absent("openssl"))("a redirection from https to http is refused", async () => {
  const { key, certificate } = await selfSigned(here, "127.0.0.1");
  const certificates = readFileSync(certificate, "utf8");
  await using plain = await FakeRegistry.start(IMAGE);
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key: readFileSync(key, "utf8"), cert: certificates },
    fetch: ({ url }) => Response.redirect(`http://${plain.host}${new URL(url).pathname}`, 307),
  });
  const source = sourceOf(`127.0.0.1:${server.port}/app:v1`, { insecure: false, certificates });
  const error = await failure(source.root());
  expect(error.reason).toBe(`it redirects from https to http (${plain.host})`);
  expect(plain.asked).toEqual([]);
});
