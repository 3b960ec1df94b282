// `sandbox image` from the outside: what is pulled from a registry and out of a layout, looked at, named, run and removed.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { minirootfs } from "../fixtures/rootfs-builder/minirootfs.ts";
import { Registry } from "../support/registry.ts";
import { push } from "../support/registry_client.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { DEEPEST, tourLayout } from "../support/tour_images.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const noAlpine = minirootfs ? undefined : "no Alpine minirootfs";
const noRegistry = absent("docker-registry", "skopeo");
const withImages = testWhere(noAlpine);
const withRegistry = testWhere(noAlpine, noRegistry);
let layout = "";
let digests: ReadonlyMap<string, string> = new Map();
let registry: Registry | undefined;

beforeAll(async () => {
  if (noAlpine !== undefined) return;
  ({ layout, digests } = tourLayout(here));
  if (noRegistry !== undefined) return;
  registry = await Registry.start(join(here.root, "registry"));
  for (const tag of ["base", "app"]) await push(here, `oci:${layout}:${tag}`, `${registry.host}/team/${tag}:1`);
}, 60_000);
afterAll(async () => registry?.[Symbol.asyncDispose]());

async function said(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await here.sandbox(argv);
  if (code !== 0) throw new Error(`sandbox ${argv.join(" ")}: ${code}\n${stderr}`);
  return stdout;
}

async function refused(...argv: readonly string[]): Promise<{ readonly code: number; readonly stderr: string }> {
  const { code, stdout, stderr } = await here.sandbox(argv);
  expect(stdout).toBe("");
  return { code, stderr };
}

const listed = async (): Promise<readonly { name: string; digest: string; layers: number; inUse: boolean }[]> =>
  JSON.parse(await said("image", "ls", "--json"));
const layersInStore = async (): Promise<number> => JSON.parse(await said("system", "df", "--json")).layers.length;

describe("from a registry", () => {
  withRegistry("pull prints digests, and layers that images share are stored once", async () => {
    const names = ["base", "app"].map((name) => `${registry?.host}/team/${name}:1`);
    const printed = await said("image", "pull", "--insecure", "--quiet", ...names);
    expect(printed).toBe(`${digests.get("base")}\n${digests.get("app")}\n`);
    expect((await listed()).map(({ name, layers }) => [name, layers])).toEqual([
      [names[1] ?? "", 3],
      [names[0] ?? "", 1],
    ]);
    expect(await layersInStore()).toBe(3);
    expect(await said("image", "pull", "--insecure", `docker://${names[1]}`)).toBe(`${digests.get("app")}\n`);
  });

  withRegistry("what is not there, and a name that cannot be, are told", async () => {
    const missing = await refused("image", "pull", "--insecure", `${registry?.host}/team/none:1`);
    expect(missing.code).toBe(125);
    expect(missing.stderr).toContain(`sandbox: Cannot pull ${registry?.host}/team/none:1: `);
    const bad = await refused("image", "pull", "A_B");
    expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining("must be in lower case")]);
  });
});

describe("in the store", () => {
  withImages("a tag is a further name, by which the image runs as its configuration says", async () => {
    await said("image", "pull", "--quiet", `oci:${layout}:app`);
    await said("image", "tag", `oci:${layout}:app`, "app:1");
    expect((await here.run(["--rootfs", "app:1"])).stdout).toBe("from cmd hey 65534 /srv\n");
    expect((await here.run(["--rootfs", "app:1", "--", "words"])).stdout).toBe("words hey 65534 /srv\n");
    const inside = "cat /etc/hi; ls /srv/a; cat /turned; ls /etc/motd";
    const { stdout, code } = await here.run(["--rootfs", "app:1", "--entrypoint", "sh", "-u", "0", "--", "-c", inside]);
    expect([stdout, code]).toEqual(["hello\nthree\na file now", 1]);
  });

  withImages("by the beginning of its digest, too", async () => {
    const start = digests.get("app")?.slice(7, 19) ?? "";
    await said("image", "tag", start, "app:again");
    expect((await listed()).map(({ name }) => name)).toContain("app:again");
    await said("image", "rm", "app:again");
  });

  withImages("inspect and history show nothing that a terminal would obey", async () => {
    const text = await said("image", "inspect", "app:1");
    expect(text).toContain('Entrypoint:  ["/entry"]\n');
    expect(text).toContain("Labels:      evil=a\\u{1b}[31mb\\u{202e}c\n");
    const history = await said("image", "history", "app:1");
    expect(history).toContain("ENV \\u{1b}]0;title\\u{7}");
    for (const shown of [text, history]) expect(shown).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
    const [facts] = JSON.parse(await said("image", "inspect", "--json", "app:1"));
    expect(facts.config.config.Labels).toEqual({ evil: "a\x1b[31mb\u202ec" });
    expect(facts.digest).toBe(digests.get("app"));
    expect(await said("image", "inspect", "--json", "app:1")).not.toContain("\x1b");
  });

  withImages("history tells each step's layer, the newest first", async () => {
    const steps = JSON.parse(await said("image", "history", "--json", "app:1"));
    expect(
      steps.map(({ createdBy, layer }: { createdBy: string; layer?: string }) => [
        createdBy.slice(0, 4),
        layer !== undefined,
      ]),
    ).toEqual([
      ["COPY", true],
      ["COPY", true],
      ["ENV ", false],
      ["ADD ", true],
    ]);
  });

  withImages("diff shows what the last layer does", async () => {
    expect(await said("image", "diff", "app:1")).toBe(
      [
        "A /entry",
        "A /etc/hi",
        "D /etc/motd",
        "C /srv/a/",
        "D /srv/a/one",
        "D /srv/a/two",
        "A /srv/a/three",
        "C /turned",
        "",
      ].join("\n"),
    );
  });

  withImages(
    "an image of 128 layers runs",
    async () => {
      await said("image", "pull", "--quiet", `oci:${layout}:deep`);
      const left = DEEPEST - 1 - Math.floor((DEEPEST - 1) / 3) + 1;
      expect((await here.run(["--rootfs", `oci:${layout}:deep`])).stdout).toBe(`${left}\n${DEEPEST - 2}`);
    },
    60_000,
  );

  withImages(
    "verify and check find a byte that has changed, and repair makes the store whole",
    async () => {
      expect(await said("image", "verify", "app:1")).toBe("app:1: whole\n");
      const [{ layers }] = JSON.parse(await said("image", "inspect", "--json", "app:1"));
      const blob = join(here.data, "sandbox/blobs", layers[1].digest.replace(":", "/"));
      const bytes = readFileSync(blob);
      bytes[20] = (bytes[20] ?? 0) ^ 1;
      writeFileSync(blob, bytes);
      const verdict = await here.sandbox(["image", "verify", "app:1"]);
      expect([verdict.code, verdict.stdout]).toEqual([
        1,
        `app:1: the blob ${layers[1].digest} has other content than its digest says\n`,
      ]);
      const check = await here.sandbox(["system", "check"]);
      expect(check.code).toBe(1);
      expect(check.stdout).toContain(`damaged-blob ${layers[1].digest}: `);
      expect((await here.sandbox(["system", "check", "--repair"])).code).toBe(0);
      expect(await said("system", "check")).toContain("all is whole\n");
      // Unpacked it is still there; as it was sent it is not.
      expect((await here.run(["--rootfs", "app:1"])).code).toBe(0);
      const save = await refused("image", "save", "-o", "x.tar", "app:1");
      expect([save.code, save.stderr]).toEqual([
        125,
        expect.stringContaining("was not kept as it was sent\n  Pull it again"),
      ]);
    },
    60_000,
  );

  withImages("rm takes names, all or none, and frees what no other needs", async () => {
    const before = await layersInStore();
    const missing = await refused("image", "rm", "app:1", "nowhere:1");
    expect([missing.code, missing.stderr]).toEqual([
      125,
      expect.stringContaining("there is no such image in the store"),
    ]);
    expect((await listed()).map(({ name }) => name)).toContain("app:1");
    await said("image", "rm", `oci:${layout}:deep`);
    expect(await layersInStore()).toBe(before - (DEEPEST - 1));
  });

  withImages("prune --all leaves nothing but what is in use", async () => {
    const child = here.start([
      "--rootfs",
      "app:1",
      "--entrypoint",
      "sh",
      "--",
      "-c",
      "echo ready; read x; cat /etc/hi",
    ]);
    const reader = child.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("ready\n");
    await said("image", "pull", "--quiet", `oci:${layout}:other`);
    expect((await listed()).find(({ name }) => name === "app:1")?.inUse).toBe(true);
    expect(await said("image", "prune", "--all", "--dry-run")).toContain(`Would remove image oci:${layout}:other\n`);
    const pruned = await said("image", "prune", "--all");
    expect(pruned).toContain(`Removed image oci:${layout}:other\n`);
    const left = (await listed()).map(({ digest }) => digest);
    expect([left.includes(digests.get("app") ?? ""), left.includes(digests.get("other") ?? "")]).toEqual([true, false]);
    child.stdin.write("\n");
    child.stdin.end();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("hello\n");
    await child.exited;
    await said("system", "prune", "--all");
    const usage = JSON.parse(await said("system", "df", "--json"));
    expect([usage.images, usage.layers, usage.blobs]).toEqual([[], [], []]);
  });
});

test("an empty store is no error", async () => {
  const store = ["--store", join(here.root, "new")];
  expect(await said("image", "ls", ...store)).toBe("NAME  DIGEST  STORED  LAYERS  SIZE  STATE\n");
  expect(JSON.parse(await said("image", "ls", "--json", ...store))).toEqual([]);
  expect(JSON.parse(await said("env", "ls", "--json", ...store))).toEqual([]);
  expect(await said("system", "check", ...store)).toContain("all is whole");
  expect((await here.sandbox(["image", "inspect", "x", ...store])).code).toBe(125);
});
