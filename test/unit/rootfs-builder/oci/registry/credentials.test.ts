import { afterAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemClock } from "../../../../../rootfs-builder/oci/clock.ts";
import { OciError } from "../../../../../rootfs-builder/oci/oci_error.ts";
import { parseReference } from "../../../../../rootfs-builder/oci/reference.ts";
import { credentialFiles, findCredentials } from "../../../../../rootfs-builder/oci/registry/credentials.ts";
import { recordingClock } from "../../../../fixtures/rootfs-builder/oci/clock.ts";
import { TemporaryFolder } from "../../../../fixtures/rootfs-builder/temporary_folder.ts";
import { eventually, gone } from "../../../../support/processes.ts";
import { asRoot, testWhere } from "../../../../support/test_where.ts";

const folder = new TemporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const base64 = (text: string): string => Buffer.from(text).toString("base64");

function file(name: string, content: unknown): string {
  const path = join(folder.path, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

let count = 0;

/** What is found for `image` where only this file is. */
async function findIn(content: unknown, image: string, environment = {}, clock = systemClock) {
  const REGISTRY_AUTH_FILE = file(`auth${count++}.json`, content);
  return await findCredentials(parseReference(image), { REGISTRY_AUTH_FILE, ...environment }, clock);
}

test("the files are those of podman and docker, in their order", () => {
  const all = { XDG_RUNTIME_DIR: "/run/user/1", XDG_CONFIG_HOME: "/c", DOCKER_CONFIG: "/d", HOME: "/h" };
  expect(credentialFiles(all)).toEqual([
    "/run/user/1/containers/auth.json",
    "/c/containers/auth.json",
    "/d/config.json",
  ]);
  expect(credentialFiles({ HOME: "/h" })).toEqual(["/h/.config/containers/auth.json", "/h/.docker/config.json"]);
  expect(credentialFiles({ ...all, REGISTRY_AUTH_FILE: "/f" })).toEqual(["/f"]);
  expect(credentialFiles({})).toEqual([]);
});

test.each<[string, string, unknown, unknown]>([
  ["a registry", "reg.test:5000/x", { auths: { "reg.test:5000": { auth: base64("u:p:q") } } }, ["u", "p:q"]],
  ["another registry", "reg.test/x", { auths: { "reg.test:5000": { auth: base64("u:p") } } }, undefined],
  [
    "the Hub by docker's key",
    "alpine",
    { auths: { "https://index.docker.io/v1/": { auth: base64("u:p") } } },
    ["u", "p"],
  ],
  ["the Hub by podman's key", "alpine", { auths: { "docker.io": { auth: base64("u:p") } } }, ["u", "p"]],
  ["an address for a key", "reg.test/x", { auths: { "https://reg.test/v2/": { auth: base64("u:p") } } }, ["u", "p"]],
  ["user and password apart", "reg.test/x", { auths: { "reg.test": { username: "u", password: "p" } } }, ["u", "p"]],
  [
    "the longest namespace",
    "reg.test/team/app",
    {
      auths: {
        "reg.test": { auth: base64("a:a") },
        "reg.test/team": { auth: base64("b:b") },
        "reg.test/te": { auth: base64("c:c") },
      },
    },
    ["b", "b"],
  ],
  ["an empty entry", "reg.test/x", { auths: { "reg.test": {} } }, undefined],
  ["a file with other things", "reg.test/x", { detachKeys: "x", HttpHeaders: { a: 1 } }, undefined],
])("%s", async (_, image, content, wanted) => {
  const found = await findIn(content, image);
  expect(found?.kind === "basic" ? [found.username, found.password] : found).toEqual(wanted as never);
});

test("a token for tokens", async () => {
  const entry = { auth: base64("0000:"), identitytoken: "refresh" };
  expect(await findIn({ auths: { "reg.test": entry } }, "reg.test/x")).toEqual({ kind: "identity", token: "refresh" });
});

test("the first file that knows the registry counts", async () => {
  file("home/.docker/config.json", {
    auths: { "reg.test": { auth: base64("docker:1") }, "b.test": { auth: base64("d:2") } },
  });
  file("run/containers/auth.json", { auths: { "reg.test": { auth: base64("podman:1") } } });
  const environment = { HOME: join(folder.path, "home"), XDG_RUNTIME_DIR: join(folder.path, "run") };
  const find = (image: string) => findCredentials(parseReference(image), environment, systemClock);
  expect(await find("reg.test/x")).toMatchObject({ username: "podman" });
  expect(await find("b.test/x")).toMatchObject({ username: "d" });
  expect(await find("c.test/x")).toBeUndefined();
});

test.each([
  ["no JSON", "{"],
  ["text for a list of logins", { auths: "x" }],
  ["a login that is no base64 of two parts", { auths: { "reg.test": { auth: base64("nobody") } } }],
])("a file with %s is an error that names it", async (_, content) => {
  const error = await findIn(content, "reg.test/x").catch((error: unknown) => error);
  if (!(error instanceof OciError)) throw new Error("it was accepted");
  expect(error.where).toContain(".json");
});

test("an empty file is no logins", async () => expect(await findIn("\n", "reg.test/x")).toBeUndefined());

testWhere(asRoot())("a file that may not be read is an error that names it", async () => {
  const path = file("secret.json", "{}");
  chmodSync(path, 0);
  await expect(findCredentials(parseReference("x"), { REGISTRY_AUTH_FILE: path }, systemClock)).rejects.toThrow(
    `${path}: `,
  );
});

/** A helper that a shell script plays; gives the environment to find it. */
function helper(name: string, script: string) {
  const path = file(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return { PATH: `${dirname(path)}:/usr/bin:/bin` };
}

const ANSWER = `read -r server; printf '{"ServerURL":"%s","Username":"%s","Secret":"s %s"}' "$server" "$1" "$server"`;

test("a helper is asked by its protocol", async () => {
  const environment = helper("one", ANSWER);
  expect(await findIn({ credHelpers: { "reg.test": "one" } }, "reg.test/x", environment)).toEqual({
    kind: "basic",
    username: "get",
    password: "s reg.test",
  });
  expect(await findIn({ credHelpers: { "reg.test": "one" } }, "other.test/x", environment)).toBeUndefined();
});

test("a store is asked for every registry, for the Hub by the address that docker login stores", async () => {
  const found = await findIn({ credsStore: "two" }, "alpine", helper("two", ANSWER));
  expect(found).toMatchObject({ password: "s https://index.docker.io/v1/" });
});

test("a helper's token", async () => {
  const environment = helper("three", `printf '{"Username":"<token>","Secret":"t"}'`);
  expect(await findIn({ credsStore: "three" }, "reg.test/x", environment)).toEqual({ kind: "identity", token: "t" });
});

test("a helper that has nothing is no failure, and what the file has counts", async () => {
  const environment = helper("four", "echo credentials not found in native keychain; exit 1");
  const auths = { "reg.test": { auth: base64("u:p") } };
  expect(await findIn({ credsStore: "four" }, "reg.test/x", environment)).toBeUndefined();
  expect(await findIn({ credsStore: "four", auths }, "reg.test/x", environment)).toMatchObject({ username: "u" });
});

test.each([
  ["fails", "five", "echo 'locked \u001b[31m'; exit 3", 'status 3: "locked \\u001b[31m"'],
  ["answers nonsense", "six", "echo hello", "it is no JSON"],
  ["never stops answering", "seven", "exec yes x", "longer than"],
])("a helper that %s is an error", async (_, name, script, reason) => {
  await expect(findIn({ credsStore: name }, "reg.test/x", helper(name, script))).rejects.toThrow(reason);
});

test.each([
  ["absent", "it is not installed"],
  ["../x", "it is no program's name"],
  ["a/b", "it is no program's name"],
])("the helper %s is an error", async (name, reason) => {
  await expect(findIn({ credsStore: name }, "reg.test/x", { PATH: "/usr/bin" })).rejects.toThrow(reason);
});

test("a helper that gives no answer is killed when its time is over", async () => {
  const environment = helper("eight", `echo $$ > ${folder.path}/pid; exec sleep 1000`);
  const { clock } = recordingClock();
  const pid = (): string =>
    existsSync(join(folder.path, "pid")) ? readFileSync(join(folder.path, "pid"), "utf8") : "";
  const sleep = async (): Promise<void> => void (await eventually(pid, (text) => text.endsWith("\n")));
  const found = findIn({ credsStore: "eight" }, "reg.test/x", environment, { ...clock, sleep });
  await expect(found).rejects.toThrow("no answer within 60 seconds");
  expect(gone(Number(pid()))).toBe(true);
});
