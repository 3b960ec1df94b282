// Proxies: that requests go by the one that the environment names, both ways, and by none that it does not.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { resolveImage } from "../../../rootfs-builder/oci/resolve_image.ts";
import { makeImage } from "../../fixtures/rootfs-builder/oci/image.ts";
import { writeLayout } from "../../fixtures/rootfs-builder/oci/layout.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { LoopbackProxy } from "../../support/loopback_proxy.ts";
import { Registry } from "../../support/registry.ts";
import { AMD64, failure, push, selfSigned, sourceOf, texts } from "../../support/registry_client.ts";
import { absent, testWhere } from "../../support/test_where.ts";
import { workspace } from "../../support/workspace.ts";

const here = workspace();
const IMAGE = makeImage({ layers: ["one"] });

test.each(["HTTP_PROXY", "http_proxy"])("plain requests go by %s, with its user's name", async (name) => {
  await using registry = await FakeRegistry.start(IMAGE);
  await using proxy = await LoopbackProxy.start(registry.port);
  const environment = { [name]: `http://user:pass@${proxy.address}` };
  // Nothing answers at port 1: TLS, which is tried first, has no proxy here.
  const source = sourceOf(`registry.invalid:1/app:v1`, { environment });
  expect(await texts(source, await resolveImage(source, AMD64))).toEqual(["one"]);
  expect(proxy.heads[0]).toStartWith("GET http://registry.invalid:1/v2/app/manifests/v1 HTTP/1.1\r\n");
  expect(proxy.heads[0]?.toLowerCase()).toContain(`proxy-authorization: basic ${btoa("user:pass").toLowerCase()}`);
  for (const { headers } of registry.asked) expect(headers.host).toBe("registry.invalid:1");
});

test.each<[string, Record<string, string>]>([
  ["loopback is never asked for by a proxy", {}],
  ["nor is what NO_PROXY names", { NO_PROXY: "localhost" }],
])("%s", async (_, more) => {
  await using registry = await FakeRegistry.start(IMAGE);
  await using proxy = await LoopbackProxy.start(registry.port);
  const environment = { HTTP_PROXY: proxy.address, HTTPS_PROXY: proxy.address, ...more };
  await sourceOf(registry.name, { environment }).root();
  expect(proxy.heads).toEqual([]);
});

test("what the process has in its own environment does not count, but what is given does", async () => {
  await using registry = await FakeRegistry.start(IMAGE);
  const before = process.env.HTTP_PROXY;
  process.env.HTTP_PROXY = "http://127.0.0.1:1";
  try {
    await sourceOf(registry.name).root();
  } finally {
    if (before === undefined) delete process.env.HTTP_PROXY;
    else process.env.HTTP_PROXY = before;
  }
});

test.each([
  ["alpine", "registry-1.docker.io:443"],
  ["registry.invalid:8443/app", "registry.invalid:8443"],
])("%s is asked for at %s", async (name, host) => {
  await using registry = await FakeRegistry.start(IMAGE);
  await using proxy = await LoopbackProxy.start(registry.port);
  // What answers in the tunnel is no TLS.
  const environment = { HTTPS_PROXY: proxy.address };
  await failure(sourceOf(name, { environment, insecure: false }).root());
  expect(proxy.heads[0]).toStartWith(`CONNECT ${host} HTTP/1.1\r\n`);
});

test("a proxy that is not there is told by its effect", async () => {
  const environment = { HTTP_PROXY: "http://127.0.0.1:1", HTTPS_PROXY: "http://127.0.0.1:1" };
  const error = await failure(sourceOf("registry.invalid/app:v1", { environment }).root());
  expect(error.fault).toBe("refused");
  expect(error.hint).toContain("proxy");
});

testWhere(absent("docker-registry", "skopeo", "openssl"))(
  "TLS goes through a tunnel, and the certificate is that of the registry",
  async () => {
    const tls = await selfSigned(here, "registry.invalid");
    await using registry = await Registry.start(join(here.root, "tls"), { tls });
    const layout = here.folder("layout");
    await writeLayout(layout, [{ image: IMAGE, tag: "v1" }]);
    await push(here, `oci:${layout}:v1`, `${registry.host}/app:v1`);
    await using proxy = await LoopbackProxy.start(Number(registry.host.split(":")[1]));
    const options = { environment: { HTTPS_PROXY: proxy.address }, insecure: false };
    const certificates = readFileSync(tls.certificate, "utf8");
    const source = sourceOf("registry.invalid/app:v1", { ...options, certificates });
    expect(await texts(source, await resolveImage(source, AMD64))).toEqual(["one"]);
    expect(proxy.heads[0]).toStartWith("CONNECT registry.invalid:443 HTTP/1.1\r\n");
    const untrusted = await failure(sourceOf("registry.invalid/app:v1", options).root());
    expect(untrusted.reason).toContain("its certificate is not trusted");
    const another = await failure(sourceOf("other.invalid/app:v1", { ...options, certificates }).root());
    expect(another.reason).toContain("its certificate is not trusted");
  },
);
