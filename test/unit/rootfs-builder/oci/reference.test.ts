import { expect, test } from "bun:test";
import { OciError } from "../../../../rootfs-builder/oci/oci_error.ts";
import { canonicalText, familiarText, parseReference } from "../../../../rootfs-builder/oci/reference.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";

const HEX = "0123456789abcdef".repeat(4);
const DIGEST = `sha256:${HEX}`;

function reasonOf(text: string): string {
  try {
    parseReference(text);
  } catch (error) {
    if (error instanceof OciError) return error.reason;
    throw error;
  }
  throw new Error(`${text} was accepted`);
}

test.each([
  ["alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"],
  ["docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["docker.io/library/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["index.docker.io/user/app", "docker.io/user/app:latest", "user/app:latest"],
  ["user/app:v1", "docker.io/user/app:v1", "user/app:v1"],
  ["library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"],
  ["localhost/x", "localhost/x:latest", "localhost/x:latest"],
  ["localhost:5000/x", "localhost:5000/x:latest", "localhost:5000/x:latest"],
  ["local:5000/x:5000", "local:5000/x:5000", "local:5000/x:5000"],
  ["Host/x", "Host/x:latest", "Host/x:latest"],
  ["[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"],
  ["127.0.0.1/x", "127.0.0.1/x:latest", "127.0.0.1/x:latest"],
  ["a__b/c-d.e---f", "docker.io/a__b/c-d.e---f:latest", "a__b/c-d.e---f:latest"],
  [`alpine@${DIGEST}`, `docker.io/library/alpine@${DIGEST}`, `alpine@${DIGEST}`],
  [`ghcr.io/a/b:tag@${DIGEST}`, `ghcr.io/a/b:tag@${DIGEST}`, `ghcr.io/a/b:tag@${DIGEST}`],
  [`x@sha512:${HEX}${HEX}`, `docker.io/library/x@sha512:${HEX}${HEX}`, `x@sha512:${HEX}${HEX}`],
  [`x:${"t".repeat(128)}`, `docker.io/library/x:${"t".repeat(128)}`, `x:${"t".repeat(128)}`],
])("%s", (text, canonical, familiar) => {
  const reference = parseReference(text);
  expect(canonicalText(reference)).toBe(canonical);
  expect(familiarText(reference)).toBe(familiar);
  expect(parseReference(canonical)).toEqual(reference);
  expect(parseReference(familiar)).toEqual(reference);
});

test.each([
  ["", "the name is empty"],
  [":tag", "the name is empty"],
  [`@${DIGEST}`, "the name is empty"],
  ["Alpine", '"Alpine" must be in lower case'],
  ["a/B", '"B" must be in lower case'],
  ["a b", "may hold a-z and 0-9"],
  ["a/../b", '".." may hold'],
  ["a//b", "an empty component"],
  ["/a", "an empty component"],
  ["a/", "an empty component"],
  ["-a/b", "may hold a-z"],
  ["a-/b", "may hold a-z"],
  ["a___b", "may hold a-z"],
  ["a..b/c", "is no host name"],
  ["host.test:port/x", "is no host name"],
  ["host.test:0/x", "not within 1 and 65535"],
  ["host.test:70000/x", "not within 1 and 65535"],
  ["x:", "no tag after the colon"],
  ["x:-a", 'the tag "-a"'],
  ["x:a/b:c d", 'the tag "c d"'],
  [`x:${"t".repeat(129)}`, "longer than 128"],
  ["x@", "is no digest"],
  ["x@sha256:abc", "has 3 characters, not 64"],
  [`x@sha256:${HEX.toUpperCase()}`, "lower-case hex"],
  [`x@md5:${HEX}`, 'algorithm "md5" is not supported'],
  [`x@${DIGEST}@${DIGEST}`, "is no digest"],
  [HEX, "an image's id"],
  ["a".repeat(256), "longer than 255"],
  ["a".repeat(2000), "longer than 1024"],
  ["a\u0000b", "\\u{0}"],
  ["a\u202eb", "\\u{202e}"],
])("%p is refused", (text, reason) => {
  // Nothing of what came in reaches a terminal as it was.
  const found = reasonOf(text);
  expect(found.replaceAll("\\u0000", "\\u{0}")).toContain(reason);
  expect(found).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});

test("whatever is accepted has one canonical text (20,000 texts)", () => {
  const { below, pick } = random(0x0c1);
  const parts = [
    "a",
    "b0",
    "A",
    ".",
    "..",
    "_",
    "__",
    "-",
    "/",
    ":",
    "@",
    "localhost",
    "5000",
    DIGEST,
    "[::1]",
    "é",
    " ",
  ];
  let accepted = 0;
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: 1 + below(7) }, () => pick(parts as [string, ...string[]])).join("");
    try {
      const reference = parseReference(text);
      expect(parseReference(canonicalText(reference))).toEqual(reference);
      expect(parseReference(familiarText(reference))).toEqual(reference);
      accepted++;
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
    }
  }
  expect(accepted).toBeGreaterThan(500);
});
