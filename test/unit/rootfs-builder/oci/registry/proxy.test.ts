import { expect, test } from "bun:test";
import { proxyFor } from "../../../../../rootfs-builder/oci/registry/proxy.ts";

const BOTH = { HTTP_PROXY: "http://plain.test:1", HTTPS_PROXY: "http://secure.test:2" };

test.each([
  ["https://registry.test/v2/", BOTH, "http://secure.test:2"],
  ["http://registry.test/v2/", BOTH, "http://plain.test:1"],
  ["https://registry.test/", { https_proxy: "http://lower.test:3" }, "http://lower.test:3"],
  [
    "https://registry.test/",
    { HTTPS_PROXY: "http://upper.test:1", https_proxy: "http://lower.test:3" },
    "http://upper.test:1",
  ],
  ["https://registry.test/", { HTTPS_PROXY: "secure.test:2" }, "http://secure.test:2"],
  ["https://registry.test/", { HTTPS_PROXY: "http://u:p@secure.test:2" }, "http://u:p@secure.test:2"],
  ["https://registry.test/", { HTTP_PROXY: "http://plain.test:1" }, false],
  ["https://registry.test/", {}, false],
  ["http://localhost:5000/", BOTH, false],
  ["http://127.0.0.1:5000/", BOTH, false],
  ["http://[::1]:5000/", BOTH, false],
] as const)("%s with %j goes by %p", (url, environment, proxy) =>
  expect(proxyFor(new URL(url), environment)).toBe(proxy),
);

test.each([
  ["registry.test", "*", true],
  ["registry.test", "registry.test", true],
  ["registry.test", "REGISTRY.test ", true],
  ["a.registry.test", "other.test, registry.test", true],
  ["xregistry.test", "registry.test", false],
  ["registry.test", ".registry.test", false],
  ["a.registry.test", ".registry.test", true],
  ["a.registry.test", "*.registry.test", true],
  ["registry.test:8443", "registry.test:8443", true],
  ["registry.test", "registry.test:8443", false],
  ["registry.test", "registry.test:443", true],
  ["10.1.2.3", "10.0.0.0/8", true],
  ["11.1.2.3", "10.0.0.0/8", false],
  ["10.1.2.3", "10.1.2.3", true],
  ["10.1.2.3", "10.1.2", false],
  ["[fd00::1]", "fd00::1", true],
  ["registry.test", "", false],
  ["registry.test", ",,", false],
])("%s is excepted by %p: %p", (host, NO_PROXY, excepted) => {
  for (const name of ["NO_PROXY", "no_proxy"]) {
    const proxy = proxyFor(new URL(`https://${host}/`), { ...BOTH, [name]: NO_PROXY });
    expect(proxy).toBe(excepted ? false : "http://secure.test:2");
  }
});

test.each(["socks5://secret@proxy.test:1", "http://", "::"])(
  "the proxy %p is refused, and no password is shown",
  (proxy) => {
    expect(() => proxyFor(new URL("https://registry.test/"), { HTTPS_PROXY: proxy })).toThrow(
      "the variable HTTPS_PROXY",
    );
    expect(() => proxyFor(new URL("https://registry.test/"), { HTTPS_PROXY: proxy })).not.toThrow("secret");
  },
);
