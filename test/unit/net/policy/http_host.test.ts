import { describe, expect, test } from "bun:test";
import { readHttpHost } from "../../../../src/net/policy/http_host.ts";
import type { NameReading } from "../../../../src/net/policy/name_reading.ts";
import { latin1, REAL_NAME, realRequest } from "../../../fixtures/net/first_bytes.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";

/** The names, or the kind of what was read instead. */
function shown(reading: NameReading): string {
  return reading.kind === "names" ? reading.names.join(" ") : reading.kind;
}

const READINGS: readonly (readonly [request: string, expected: string])[] = [
  ["", "need-more"],
  ["\r\n\r\n", "need-more"],
  ["GET", "need-more"],
  ["GET / HTTP/1.1\r\nHost: a.example\r\n", "need-more"],
  ["GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example"],
  ["GET / HTTP/1.1\nHost: a.example\n\n", "a.example"],
  ["\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example"],
  ["get / http/1.1\r\nhOsT:\t A.Example.:8080 \t\r\n\r\n", "a.example"],
  ["BREW\t/  HTTP/1.0 \r\nHost:a.example\r\n\r\n", "a.example"],
  ["GET /a b HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example"],
  ["OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example"],
  ["GET http://b.example:80/x HTTP/1.1\r\nHost: a.example\r\n\r\n", "b.example a.example"],
  ["GET http://b.example?q HTTP/1.1\r\n\r\n", "b.example"],
  ["GET http://a.example@b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "malformed"],
  ["GET http://a.example\\@b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example"],
  ["CONNECT b.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", "b.example a.example"],
  ["CONNECT /x HTTP/1.1\r\nHost: a.example\r\n\r\n", "malformed"],
  ["GET x HTTP/1.1\r\nHost: a.example\r\n\r\n", "malformed"],
  ["GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n", "malformed"],
  ["GET / HTTP/1.1\r\nHost : a.example\r\n\r\n", "malformed"],
  ["GET / HTTP/1.1\r\n Host: a.example\r\n\r\n", "malformed"],
  ["GET / HTTP/1.1\r\nX: 1\r\n folded\r\nHost: a.example\r\n\r\n", "malformed"],
  ["GET / HTTP/1.1\r\nnonsense\r\n\r\n", "malformed"],
  ["GET / HTTP/1.1\r\nHost: a.example\rHost: b.example\r\n\r\n", "malformed"],
  ["GET / HTTP/1.1\r\nX: a\0b\r\nHost: a.example\r\n\r\n", "malformed"],
  ["GET / HTTP/1.1\r\nHost: a.example b.example\r\n\r\n", "malformed"],
  ["GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n", "malformed"],
  ["GET / HTTP/1.1\r\nHost: a.example\xa0\r\n\r\n", "malformed"],
  ["GET / HTTP/1.1\r\nHost: u@a.example\r\n\r\n", "malformed"],
  ["GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "none"],
  ["GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", "192.0.2.1"],
  ["GET / HTTP/1.1\r\nHost:\r\n\r\n", "none"],
  ["GET / HTTP/1.0\r\n\r\n", "none"],
  ["GET /\r\n", "none"],
  ["SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "other-protocol"],
  ["SSH-", "other-protocol"],
  ["EHLO a.example\r\n", "other-protocol"],
  ["PING\r\n", "other-protocol"],
  ["0032git-upload-pack /project.git\0host=a.example\0", "other-protocol"],
  ["\x00\x00\x00\x08\x04\xd2\x16\x2f", "other-protocol"],
  ["\x7f", "other-protocol"],
  ["x".repeat(33), "other-protocol"],
  [" GET / HTTP/1.1\r\n", "other-protocol"],
  [`GET /${"x".repeat(16400)}`, "malformed"],
  [`GET / HTTP/1.1\r\nX: ${"x".repeat(16400)}\r\n\r\n`, "malformed"],
];

describe("readHttpHost()", () => {
  test.each(READINGS)("%j: %s", (request, expected) => {
    expect(shown(readHttpHost(latin1(request)))).toBe(expected);
  });

  test.each(["curl", "curl_proxy", "curl_connect", "node"] as const)(
    "a request as %s sent it, and cut anywhere",
    (client) => {
      const request = realRequest(client);
      expect(shown(readHttpHost(request))).toBe(REAL_NAME);
      for (let length = 0; length < request.length; length++)
        expect(readHttpHost(request.subarray(0, length))).toEqual({ kind: "need-more", length: length + 1 });
    },
  );

  test("HTTP/2's preface is no request", () => {
    expect(shown(readHttpHost(realRequest("curl_http2")))).toBe("other-protocol");
  });
});

const ROUNDS = 60_000;
const PIECES = [
  "GET ",
  "CONNECT ",
  "/",
  "http://",
  "a.example",
  "b.example",
  ":80",
  " HTTP/1.1",
  "\r\n",
  "\r\n\r\n",
  "\n",
  "\r",
  "Host:",
  "Host: a.example",
  " ",
  "\t",
  "@",
  "\0",
  "[::1]",
  "\xff",
  "X: y",
] as const;

test(`${ROUNDS} requests of pieces are read or refused, and show no name that is not in them`, () => {
  const { below, pick } = random(0x4057);
  const kinds = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const start = pick(["", "GET / HTTP/1.1\r\n", "GET http://a.example", "CONNECT a.example"]);
    const text = start + Array.from({ length: below(12) }, () => pick(PIECES)).join("");
    const reading = readHttpHost(latin1(text));
    kinds.add(reading.kind);
    if (reading.kind === "names") for (const name of reading.names) expect(text.toLowerCase()).toContain(name);
    if (reading.kind === "need-more") expect(reading.length).toBe(text.length + 1);
  }
  expect([...kinds].sort()).toEqual(["malformed", "names", "need-more", "none", "other-protocol"]);
});
