import { expect, test } from "bun:test";
import { OciError } from "../../../../../rootfs-builder/oci/oci_error.ts";
import { explainNetwork } from "../../../../../rootfs-builder/oci/registry/failure.ts";

const URL_ = new URL("https://registry.test:5000/v2/");
const withCode = (code: string): Error => Object.assign(new Error("what the runtime says"), { code });

test.each([
  ["ECONNREFUSED", "refused", "connection refused", "Is the registry running"],
  ["ENOTFOUND", "unreachable", "name of the host is not known", "spelling"],
  ["EAI_AGAIN", "network", "cannot be looked up", "network up"],
  ["EPROTO", "unreachable", "does not speak TLS", "insecure registries"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "unreachable", "not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)", "its authority"],
  ["CERT_HAS_EXPIRED", "unreachable", "not trusted (CERT_HAS_EXPIRED)", "its authority"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "unreachable", "not trusted", "its authority"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unreachable", "not trusted", "its authority"],
  ["ECONNRESET", "network", 'the connection failed ("ECONNRESET")', ""],
  ["", "network", 'the connection failed ("what the runtime says")', ""],
] as const)("%s is explained", (code, fault, reason, hint) => {
  const error = explainNetwork(withCode(code), URL_, false);
  expect(error).toMatchObject({ fault, where: "registry.test:5000" });
  expect(error.reason).toContain(reason);
  expect(error.hint).toContain(hint);
});

test("a proxy is named, without its password", () => {
  const error = explainNetwork(withCode("ECONNREFUSED"), URL_, "http://user:secret@proxy.test:3128");
  expect(error.where).toBe("registry.test:5000 by the proxy proxy.test:3128");
  expect(error.hint).toContain("NO_PROXY");
  expect(`${error.message}${error.hint}`).not.toContain("secret");
});

test("what is explained already passes, and what is no error is one", () => {
  const known = new OciError("content", "x", "y");
  expect(explainNetwork(known, URL_, false)).toBe(known);
  expect(explainNetwork("odd", URL_, false).reason).toContain('"odd"');
});
