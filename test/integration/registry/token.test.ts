// Tokens: what the client asks a token server for, how long it keeps what it got, and what it says when there is none.
import { expect, test } from "bun:test";
import type { ServerResponse } from "node:http";
import { readVerified } from "../../../rootfs-builder/oci/image_source.ts";
import { resolveImage } from "../../../rootfs-builder/oci/resolve_image.ts";
import { recordingClock } from "../../fixtures/rootfs-builder/oci/clock.ts";
import { makeImage } from "../../fixtures/rootfs-builder/oci/image.ts";
import { type Answer, type Asked, answerError, FakeRegistry } from "../../support/fake_registry.ts";
import { AMD64, failure, sourceOf, texts } from "../../support/registry_client.ts";
import { workspace } from "../../support/workspace.ts";

const here = workspace();
const IMAGE = makeImage({ layers: ["one", "two"] });

type Tokens = {
  /** What the token server answers to its request number `count`, from 1. */
  readonly give?: (asked: Asked, count: number) => object | undefined;
  readonly challenge?: (realm: string) => string;
  /** Which tokens the registry takes; any that was given by default. */
  readonly takes?: (token: string) => boolean;
};

/** A registry and its token server in one, at different paths. */
function withTokens({ give, challenge, takes = () => true }: Tokens = {}): Answer {
  let given = 0;
  return ({ path, headers, ...asked }, response) => {
    const realm = `http://${headers.host}/token`;
    if (path.startsWith("/token")) return tokenAnswer(response, give?.({ path, headers, ...asked }, ++given));
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1];
    if (token !== undefined && takes(token)) return false;
    const standard = `Bearer realm="${realm}",service="registry.test",scope="repository:app:pull"`;
    response.setHeader("www-authenticate", challenge?.(realm) ?? standard);
    return answerError(response, 401, "UNAUTHORIZED", "authentication required");
  };
}

function tokenAnswer(response: ServerResponse, body: object = { token: "token" }): true {
  response.end(JSON.stringify(body));
  return true;
}

const auths = (registry: FakeRegistry, entry: object) => ({
  environment: { REGISTRY_AUTH_FILE: here.file("auth.json", JSON.stringify({ auths: { [registry.host]: entry } })) },
});

test("one token is asked for, and used for everything", async () => {
  await using registry = await FakeRegistry.start(IMAGE, withTokens());
  const source = sourceOf(registry.name);
  expect(await texts(source, await resolveImage(source, AMD64))).toEqual(["one", "two"]);
  const asked = registry.askedFor("/token");
  expect(asked.map(({ path }) => path)).toEqual(["/token?service=registry.test&scope=repository%3Aapp%3Apull"]);
  expect(asked[0]?.headers.authorization).toBeUndefined();
  expect(registry.askedFor("/manifests/").length).toBe(2);
  expect(registry.askedFor("/blobs/").every(({ headers }) => headers.authorization === "Bearer token")).toBe(true);
});

test("requests at the same time share one", async () => {
  await using registry = await FakeRegistry.start(IMAGE, withTokens());
  const source = sourceOf(registry.name);
  await Promise.all(Array.from({ length: 8 }, () => source.root()));
  expect(registry.askedFor("/token").length).toBe(1);
});

test("a token is renewed before its end, without a request that fails", async () => {
  const give = (_: Asked, count: number) => ({ access_token: `token${count}`, expires_in: 300 });
  await using registry = await FakeRegistry.start(IMAGE, withTokens({ give }));
  const { clock, advance } = recordingClock();
  const source = sourceOf(registry.name, { clock });
  await source.root();
  advance(200_000);
  await source.root();
  expect(registry.askedFor("/token").length).toBe(1);
  advance(80_000);
  await source.root();
  expect(registry.askedFor("/token").length).toBe(2);
  const tokens = registry.askedFor("/manifests/").map(({ headers }) => headers.authorization);
  expect(tokens).toEqual([undefined, "Bearer token1", "Bearer token1", "Bearer token2"]);
});

test("a token that has no more worth is replaced once, in the middle of a pull", async () => {
  let worthy = "token1";
  const give = (_: Asked, count: number) => ({ token: `token${count}`, expires_in: 86_400 });
  await using registry = await FakeRegistry.start(IMAGE, withTokens({ give, takes: (token) => token === worthy }));
  const source = sourceOf(registry.name);
  const { layers } = await resolveImage(source, AMD64);
  worthy = "token2";
  await Promise.all(layers.map(({ descriptor }) => readVerified(source, descriptor, 1 << 20)));
  expect(registry.askedFor("/token").length).toBe(2);
  worthy = "none";
  const error = await failure(source.root());
  expect(error).toMatchObject({ fault: "denied" });
  expect(registry.askedFor("/token").length).toBe(3);
});

test("a refusal that comes late, when another request has a new token, costs no third one", async () => {
  let worthy = "token1";
  const renewed = Promise.withResolvers<void>();
  const give = (_: Asked, count: number) => ({ token: `token${count}` });
  const answer = withTokens({ give, takes: (token) => token === worthy });
  const [late = ""] = IMAGE.blobs.keys();
  await using registry = await FakeRegistry.start(IMAGE, async (asked, response) => {
    if (asked.path.endsWith(late) && asked.headers.authorization === "Bearer token1") await renewed.promise;
    return await answer(asked, response);
  });
  const source = sourceOf(registry.name);
  const [first, second] = (await resolveImage(source, AMD64)).layers;
  if (!first || !second) throw new Error("no layers");
  worthy = "token2";
  const waiting = readVerified(source, first.descriptor, 1 << 20);
  await readVerified(source, second.descriptor, 1 << 20);
  renewed.resolve();
  await waiting;
  expect(registry.askedFor("/token").length).toBe(2);
});

test("a stored password goes to the token server, and not to the registry", async () => {
  await using registry = await FakeRegistry.start(IMAGE, withTokens());
  const options = auths(registry, { username: "alice", password: "secret" });
  await sourceOf(registry.name, options).root();
  const basic = `Basic ${btoa("alice:secret")}`;
  expect(registry.askedFor("/token").map(({ headers }) => headers.authorization)).toEqual([basic]);
  for (const { headers } of registry.askedFor("/v2/")) expect(headers.authorization).not.toBe(basic);
});

test("a stored token for tokens is exchanged by OAuth 2", async () => {
  await using registry = await FakeRegistry.start(IMAGE, withTokens());
  await sourceOf(registry.name, auths(registry, { identitytoken: "refresh me" })).root();
  const [asked] = registry.askedFor("/token");
  expect(asked?.method).toBe("POST");
  expect(Object.fromEntries(new URLSearchParams(asked?.body))).toEqual({
    grant_type: "refresh_token",
    service: "registry.test",
    scope: "repository:app:pull",
    client_id: "sandbox",
    refresh_token: "refresh me",
  });
});

test("a redirection of the token server is not followed with a secret", async () => {
  await using elsewhere = await FakeRegistry.start(IMAGE);
  await using registry = await FakeRegistry.start(IMAGE, (asked, response) => {
    if (!asked.path.startsWith("/token")) return withTokens()(asked, response);
    response.writeHead(307, { location: `http://localhost:${elsewhere.port}/token` }).end();
    return true;
  });
  await failure(sourceOf(registry.name, auths(registry, { identitytoken: "refresh me" })).root());
  await failure(sourceOf(registry.name, auths(registry, { username: "alice", password: "secret" })).root());
  for (const { body, headers } of elsewhere.asked) expect([body, headers.authorization]).toEqual(["", undefined]);
});

test("the registry's own scope is asked for where the challenge names none", async () => {
  const challenge = (realm: string): string => `Negotiate, Bearer realm="${realm}"`;
  await using registry = await FakeRegistry.start(IMAGE, withTokens({ challenge }));
  await sourceOf(registry.name).root();
  expect(registry.askedFor("/token")[0]?.path).toBe("/token?scope=repository%3Aapp%3Apull");
});

test.each<[string, (realm: string) => string, string]>([
  ["no address for a token server", () => 'Bearer realm="here"', "the address of its token server is none"],
  ["a token server in a file", () => 'Bearer realm="file:///etc/passwd"', "is not on https"],
  [
    "a password in its address",
    (realm) => `Bearer realm="${realm.replace("//", "//u:secret@")}"`,
    "has a password in it",
  ],
  ["a scheme that nobody knows", () => 'Negotiate, Digest realm="x"', 'offers "negotiate", "digest"'],
  ["nothing", () => "", "offers nothing"],
])("a challenge with %s is refused", async (_, challenge, reason) => {
  await using registry = await FakeRegistry.start(IMAGE, withTokens({ challenge }));
  const error = await failure(sourceOf(registry.name).root());
  expect(error).toMatchObject({ fault: "denied" });
  expect(error.reason).toContain(reason);
  expect(error.message).not.toContain("secret");
});

test.each<[string, object, string]>([
  ["without a token", {}, "access_token is missing"],
  ["with a token of two lines", { token: "a\r\nX-Evil: 1" }, "holds what cannot be sent back"],
  ["with a life that is text", { token: "a", expires_in: "soon" }, "is no whole number"],
])("an answer of the token server %s is refused", async (_, body, reason) => {
  await using registry = await FakeRegistry.start(IMAGE, withTokens({ give: () => body }));
  expect((await failure(sourceOf(registry.name).root())).message).toContain(reason);
});

test.each<[string, object | undefined, string]>([
  ["without a login", undefined, "gives no token without a login (403)"],
  ["for a login", { username: "alice", password: "hunter2" }, 'the login stored for "alice" is refused by'],
])("a token server that gives none %s is told as such", async (_, entry, reason) => {
  await using registry = await FakeRegistry.start(IMAGE, (asked, response) =>
    asked.path.startsWith("/token") ? answerError(response, 403, "DENIED", "no") : withTokens()(asked, response),
  );
  const error = await failure(sourceOf(registry.name, entry ? auths(registry, entry) : {}).root());
  expect(error.reason).toContain(reason);
  expect(error.hint).toContain("docker login");
  expect(error.message).not.toContain("hunter2");
});
