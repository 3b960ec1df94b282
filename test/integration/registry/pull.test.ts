// Against Debian's docker-registry: images pushed by skopeo, pulled by the client, with a login and without one.
import { afterAll, beforeAll, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readVerified } from "../../../rootfs-builder/oci/image_source.ts";
import { parsePlatform } from "../../../rootfs-builder/oci/platform.ts";
import { resolveImage } from "../../../rootfs-builder/oci/resolve_image.ts";
import { recordingClock } from "../../fixtures/rootfs-builder/oci/clock.ts";
import { makeImage, makeIndex } from "../../fixtures/rootfs-builder/oci/image.ts";
import { writeLayout } from "../../fixtures/rootfs-builder/oci/layout.ts";
import { Registry } from "../../support/registry.ts";
import {
  AMD64,
  basicAuth,
  failure,
  push,
  selfSigned,
  sourceOf,
  succeed,
  texts,
} from "../../support/registry_client.ts";
import { absent, testWhere } from "../../support/test_where.ts";
import { workspace } from "../../support/workspace.ts";

const missing = absent("docker-registry", "skopeo", "umoci", "htpasswd");
const registryTest = testWhere(missing);
const here = workspace();

const index = makeIndex([
  { image: makeImage({ layers: ["for amd64"] }), platform: { os: "linux", architecture: "amd64" } },
  {
    image: makeImage({ architecture: "arm64", layers: ["for", "arm64"] }),
    platform: { os: "linux", architecture: "arm64", variant: "v8" },
  },
]);

type Shared = { readonly open: Registry; readonly closed: Registry; readonly layout: string };
let shared: Shared | undefined;

function registries(): Shared {
  if (shared) return shared;
  throw new Error("the registries have not started");
}

beforeAll(async () => {
  if (missing !== undefined) return;
  const layout = here.folder("layout");
  await writeLayout(layout, [
    { image: index, tag: "multi" },
    { image: makeImage({ layers: ["one", "two"] }), tag: "single" },
  ]);
  const htpasswd = here.file("htpasswd", await succeed(here, "htpasswd", "-nbB", "alice", "secret"));
  shared = {
    open: await Registry.start(join(here.root, "open")),
    closed: await Registry.start(join(here.root, "closed"), { htpasswd }),
    layout,
  };
  await push(here, `oci:${layout}:multi`, `${shared.open.host}/team/app:multi`, "--all");
  await push(here, `oci:${layout}:single`, `${shared.open.host}/team/app:single`);
  await push(here, `oci:${layout}:single`, `${shared.open.host}/team/app:docker`, "--format=v2s2");
  await push(here, `oci:${layout}:single`, `${shared.closed.host}/team/app:single`, "--dest-creds=alice:secret");
});

afterAll(async () => {
  await shared?.open.kill();
  await shared?.closed.kill();
});

registryTest("an image is pulled by its tag, without a login", async () => {
  const source = sourceOf(`${registries().open.host}/team/app:single`);
  await source.ping();
  const image = await resolveImage(source, AMD64);
  expect(await texts(source, image)).toEqual(["one", "two"]);
  expect(image.config.config.env).toEqual(["PATH=/bin"]);
  expect(await source.head()).toEqual({
    mediaType: image.root.descriptor.mediaType,
    digest: image.root.descriptor.digest,
    size: image.root.bytes.length,
  });
});

registryTest("Docker's format is pulled too", async () => {
  const source = sourceOf(`${registries().open.host}/team/app:docker`);
  const image = await resolveImage(source, AMD64);
  expect(image.manifest.mediaType).toContain("vnd.docker.distribution.manifest.v2");
  expect(await texts(source, image)).toEqual(["one", "two"]);
});

registryTest("of an index each platform has its image, also by the digest", async () => {
  const name = `${registries().open.host}/team/app`;
  const source = sourceOf(`${name}:multi`);
  expect(await texts(source, await resolveImage(source, AMD64))).toEqual(["for amd64"]);
  const arm = await resolveImage(source, { platform: parsePlatform("linux/arm64") });
  expect(await texts(source, arm)).toEqual(["for", "arm64"]);
  expect(await failure(resolveImage(source, { platform: parsePlatform("linux/s390x") }))).toMatchObject({
    fault: "platform",
    hint: "It is there for linux/amd64, linux/arm64: choose one by --platform",
  });
  const byDigest = sourceOf(`${name}@${arm.manifestDescriptor.digest}`);
  const again = await resolveImage(byDigest, { platform: parsePlatform("linux/arm64") });
  expect(again.manifestBytes).toEqual(arm.manifestBytes);
});

registryTest("what is not there is told as such", async () => {
  const { open } = registries();
  const tag = await failure(sourceOf(`${open.host}/team/app:none`).root());
  expect(tag).toMatchObject({ fault: "absent", hint: "Check the name and the tag" });
  expect(tag.message).toContain(`${open.host}/team/app:none: it has not got the manifest "none" (404)`);
  expect(await failure(sourceOf(`${open.host}/no/such:1`).root())).toMatchObject({ fault: "absent" });
  const digest = `sha256:${"0".repeat(64)}` as const;
  const blob = { mediaType: "x", digest, size: 3, annotations: {}, platform: undefined };
  const source = sourceOf(`${open.host}/team/app:single`);
  expect(await failure(readVerified(source, blob, 10))).toMatchObject({ fault: "absent" });
});

registryTest("a login by password is taken from the file of logins", async () => {
  const { closed } = registries();
  const REGISTRY_AUTH_FILE = here.file(
    "auth.json",
    JSON.stringify({ auths: { [closed.host]: basicAuth("alice", "secret") } }),
  );
  const source = sourceOf(`${closed.host}/team/app:single`, { environment: { REGISTRY_AUTH_FILE } });
  expect(await texts(source, await resolveImage(source, AMD64))).toEqual(["one", "two"]);
});

registryTest("without a login, or with a wrong one, it says what to do", async () => {
  const { closed } = registries();
  const none = await failure(sourceOf(`${closed.host}/team/app:single`).root());
  expect(none.message).toContain("it asks for a login");
  expect(none.hint).toContain("docker login");
  const REGISTRY_AUTH_FILE = here.file(
    "wrong.json",
    JSON.stringify({ auths: { [closed.host]: basicAuth("alice", "hunter2") } }),
  );
  const wrong = await failure(
    sourceOf(`${closed.host}/team/app:single`, { environment: { REGISTRY_AUTH_FILE } }).root(),
  );
  expect(wrong.fault).toBe("denied");
  expect(wrong.message).toContain("(401)");
  expect(wrong.message).not.toContain("hunter2");
});

registryTest("TLS is asked for unless it is said otherwise", async () => {
  const source = sourceOf(`${registries().open.host}/team/app:single`, { insecure: false });
  expect(await failure(source.root())).toMatchObject({ fault: "unreachable", reason: "it does not speak TLS" });
});

registryTest("a certificate that nobody vouches for is refused, but when it is given or all are allowed", async () => {
  const tls = await selfSigned(here, "127.0.0.1");
  await using registry = await Registry.start(join(here.root, "tls"), { tls });
  await push(here, `oci:${registries().layout}:single`, `${registry.host}/app:1`);
  const name = `${registry.host}/app:1`;
  const refused = await failure(sourceOf(name, { insecure: false }).root());
  expect(refused).toMatchObject({ fault: "unreachable" });
  expect(refused.reason).toContain("its certificate is not trusted (");
  await resolveImage(sourceOf(name, { insecure: false, certificates: readFileSync(tls.certificate, "utf8") }), AMD64);
  await resolveImage(sourceOf(name), AMD64);
});

registryTest("nobody listening is told at once", async () => {
  const { clock, waits } = recordingClock();
  const error = await failure(sourceOf("127.0.0.1:1/app:1", { clock }).root());
  expect(error).toMatchObject({ fault: "refused", hint: "Is the registry running, and the port right?" });
  expect(waits).toEqual([]);
});
