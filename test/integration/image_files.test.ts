// Images out of the store into files and back: what skopeo reads, what comes back the same, and what an export and a commit hold.
import { beforeAll, describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { minirootfs } from "../fixtures/rootfs-builder/minirootfs.ts";
import { succeed } from "../support/registry_client.ts";
import { absent, noIdRange, testWhere } from "../support/test_where.ts";
import { tourLayout } from "../support/tour_images.ts";
import { SANDBOX, workspace } from "../support/workspace.ts";

const here = workspace();
const noAlpine = minirootfs ? undefined : "no Alpine minirootfs";
const withImages = testWhere(noAlpine);
const withRange = testWhere(noAlpine, noIdRange());
const withSkopeo = testWhere(noAlpine, absent("skopeo"));
let layout = "";
let digests: ReadonlyMap<string, string> = new Map();

async function said(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await here.sandbox(argv);
  if (code !== 0) throw new Error(`sandbox ${argv.join(" ")}: ${code}\n${stderr}`);
  return stdout;
}

beforeAll(async () => {
  if (noAlpine !== undefined) return;
  ({ layout, digests } = tourLayout(here));
  await said("image", "pull", "--quiet", `oci:${layout}:base`, `oci:${layout}:app`);
  await said("image", "tag", `oci:${layout}:base`, "base:1");
  await said("image", "tag", `oci:${layout}:app`, "app:1");
}, 60_000);

describe("save", () => {
  const forms = [
    ["oci-archive", "oci-archive:saved.oci-archive:docker.io/library/app:1"],
    ["docker-archive", "docker-archive:saved.docker-archive:app:1"],
    ["oci", "oci:saved.oci:docker.io/library/app:1"],
  ] as const;

  for (const [format, source] of forms)
    withSkopeo(
      `${format}: skopeo reads and copies it, and it comes back the same`,
      async () => {
        await said("image", "save", "--format", format, "-o", `saved.${format}`, "base:1", "app:1");
        const config = JSON.parse(await succeed(here, "skopeo", "inspect", "--config", source));
        expect(config.config.Entrypoint).toEqual(["/entry"]);
        await succeed(here, "skopeo", "copy", "--insecure-policy", source, `dir:copied-${format}`);
        const manifest = readFileSync(join(here.dir, `copied-${format}/manifest.json`));
        const digest = `sha256:${new Bun.CryptoHasher("sha256").update(manifest).digest("hex")}`;
        if (format !== "docker-archive") expect(digest).toBe(digests.get("app") ?? "");
        const store = ["--store", join(here.root, `store-${format}`)];
        if (format === "oci") await said("image", "pull", "-q", source, ...store);
        else
          expect(
            (await said("image", "load", "-q", `saved.${format}`, ...store)).split(/[ \n]/).filter(Boolean),
          ).toEqual([
            "base:1",
            expect.any(String),
            "app:1",
            format === "docker-archive" ? expect.any(String) : digests.get("app"),
          ]);
        const name = format === "oci" ? source.replace("saved", join(here.dir, "saved")) : "app:1";
        const [back] = JSON.parse(await said("image", "inspect", "--json", name, ...store));
        const [kept] = JSON.parse(await said("image", "inspect", "--json", "app:1"));
        const diffIDs = (image: typeof back): unknown => image.layers.map(({ diffID }: { diffID: string }) => diffID);
        expect([diffIDs(back), back.config]).toEqual([diffIDs(kept), kept.config]);
      },
      60_000,
    );

  withImages("to standard output, and load from standard input under another name", async () => {
    const store = join(here.root, "piped");
    const script = `"$0" image save app:1 | gzip -1 | "$0" image load -q --name piped:1 --store "$1" -`;
    expect(await succeed(here, "sh", "-c", script, SANDBOX, store)).toBe(`piped:1 ${digests.get("app")}\n`);
  });

  withImages("a save that fails leaves no file", async () => {
    const { code } = await here.sandbox(["image", "save", "-o", "none.tar", "app:1", "nowhere:1"]);
    expect([code, existsSync(join(here.dir, "none.tar"))]).toEqual([125, false]);
    const full = await here.host(["sh", "-c", '"$0" image export app:1 >/dev/full', SANDBOX]);
    expect([full.code, full.stderr]).toEqual([
      125,
      "sandbox: Cannot write standard output: there is no space left on the disk (write the archive: ENOSPC)\n",
    ]);
    const nowhere = await here.sandbox(["image", "save", "-o", "no/such/x.tar", "app:1"]);
    expect([nowhere.code, nowhere.stderr]).toEqual([125, expect.stringContaining("there is no such file or folder")]);
  });

  withImages("what is no image archive is told so", async () => {
    const { code, stderr } = await here.sandbox(["image", "load", minirootfs ?? ""]);
    expect(code).toBe(125);
    expect(stderr).toContain("it holds no images");
    expect(stderr).toContain("sandbox image import");
    const missing = await here.sandbox(["image", "load", "missing.tar"]);
    expect([missing.code, missing.stderr]).toEqual([125, expect.stringContaining("there is no such file or folder")]);
    const layout = await here.sandbox(["image", "pull", "oci:missing"]);
    expect([layout.code, layout.stderr]).toEqual([
      125,
      "sandbox: Cannot pull oci:missing: there is no file or folder missing\n",
    ]);
  });
});

/** Every file with its content and every folder, as seen by find and sha256sum in `root`; what a run puts over it left out. */
const LIST = `find . -path ./proc -prune -o -path ./dev -prune -o -path ./sys -prune -o -path ./tmp -prune -o -path ./run -prune -o \
  -name resolv.conf -prune -o -name hosts -prune -o -name hostname -prune -o -path ./var/tmp -prune -o -print | LC_ALL=C sort | while IFS= read -r f; do
  if [ -L "$f" ]; then echo "$f -> $(readlink "$f")"
  elif [ -d "$f" ]; then echo "$f $(stat -c '%a %Y' "$f")"
  else echo "$f $(stat -c '%a %Y %s %h' "$f") $(sha256sum <"$f")"; fi; done`;

describe("export", () => {
  withImages(
    "is the tree that a sandbox in the image sees",
    async () => {
      await said("image", "export", "app:1", "-o", "app.tar");
      const seen = await here.run(["--rootfs", "app:1", "-u", "0", "-w", "/", "--entrypoint", "sh", "--", "-c", LIST]);
      expect(seen.code).toBe(0);
      here.folder("exported");
      await succeed(here, "tar", "-xpf", "app.tar", "-C", "exported");
      const { stdout } = await here.host(["sh", "-c", LIST], { cwd: join(here.dir, "exported") });
      const inside = seen.stdout.split("\n");
      expect(inside.length).toBeGreaterThan(400);
      // A run makes places to mount things at.
      const kept = (lines: readonly string[]): readonly string[] => lines.filter((line) => !/^\.(\/etc)? /.test(line));
      expect(kept(stdout.split("\n"))).toEqual(kept(inside));
      expect(await succeed(here, "tar", "-tf", "app.tar")).not.toContain(".wh.");
    },
    60_000,
  );

  withImages("the same tree gives the same file, and owners are those inside", async () => {
    await said("image", "export", "app:1", "-o", "again.tar");
    await said("image", "export", "app:1", "-o", "app.tar");
    expect(readFileSync(join(here.dir, "again.tar")).equals(readFileSync(join(here.dir, "app.tar")))).toBe(true);
    const list = await succeed(here, "tar", "--numeric-owner", "-tvf", "app.tar", "etc/shadow");
    expect(list).toStartWith("-rw-r----- 0/42 ");
  });

  withImages("import makes an image of it", async () => {
    await said("image", "export", "base:1", "-o", "base.tar");
    const printed = await said(
      "image",
      "import",
      "-q",
      "-c",
      'CMD ["echo", "imported"]',
      "-c",
      "ENV A=b c",
      "base.tar",
    );
    expect(printed).toMatch(/^localhost\/base:latest sha256:[0-9a-f]{64}\n$/);
    expect((await here.run(["--rootfs", "localhost/base"])).stdout).toBe("imported\n");
    expect((await here.run(["--rootfs", "localhost/base", "--", "sh", "-c", 'echo "$A"'])).stdout).toBe("b c\n");
  });
});

describe("whose files are", () => {
  const script = "mkdir -m 700 /srv/own; echo x >/srv/own/f; chmod 0 /srv/own/f; chown -R 33:34 /srv/own";

  withRange("of other ids: they are exported, committed and found again", async () => {
    expect((await here.run(["--rootfs", "base:1", "--persist", "ids", "--", "sh", "-c", script])).code).toBe(0);
    await said("image", "export", "env:ids", "-o", "ids.tar");
    const list = await succeed(here, "tar", "--numeric-owner", "-tvf", "ids.tar", "srv/own/f");
    expect(list).toStartWith("---------- 33/34 ");
    await said("image", "commit", "-q", "ids", "ids:1");
    const seen = await here.run(["--rootfs", "ids:1", "--", "stat", "-c", "%u:%g %a", "/srv/own/f"]);
    expect(seen.stdout).toBe("33:34 0\n");
    await said("env", "rm", "ids");
    await said("image", "rm", "ids:1");
  });

  withImages("the caller's where no range can be mapped: root's in what is written", async () => {
    // Without newuidmap(1) in PATH there is no range.
    const alone = { env: { PATH: "/nonexistent" } };
    const store = ["--store", join(here.root, "single")];
    const steps: readonly (readonly string[])[] = [
      ["image", "pull", "-q", `oci:${layout}:app`, ...store],
      ["image", "tag", ...store, `oci:${layout}:app`, "app:1"],
      [
        "run",
        ...store,
        "--rootfs",
        "app:1",
        "-u",
        "0",
        "--entrypoint",
        "sh",
        "--persist",
        "e",
        "--",
        "-c",
        "PATH=/bin; echo n >/new; rm /private",
      ],
      ["image", "export", ...store, "env:e", "-o", "single.tar"],
      ["image", "commit", "-q", ...store, "e", "e:1"],
    ];
    for (const argv of steps)
      expect([argv, await here.sandbox(argv, alone)]).toEqual([argv, expect.objectContaining({ code: 0 })]);
    const list = await succeed(here, "tar", "--numeric-owner", "-tvf", "single.tar", "etc/shadow", "new");
    expect(list).toMatch(/^-rw-r----- 0\/42 .*\n-rw-r--r-- 0\/0 /);
    expect(await succeed(here, "tar", "-tf", "single.tar")).not.toContain("\nprivate\n");
    const seen = await here.sandbox(
      ["run", ...store, "--rootfs", "e:1", "--entrypoint", "/bin/cat", "-u", "0", "--", "/new"],
      alone,
    );
    expect(seen.stdout).toBe("n\n");
    expect((await here.sandbox(["system", "check", ...store], alone)).code).toBe(0);
  });
});

describe("commit", () => {
  const dev = (...words: readonly string[]) =>
    here.run(["--rootfs", "base:1", "--persist", "dev", "--", "sh", "-c", words.join("; ")]);

  withImages("makes an image of what an environment has changed", async () => {
    expect((await dev("echo new > /new", "rm /etc/motd", "rm -r /opt", "mkdir /opt /opt/a")).code).toBe(0);
    const change = ["-c", 'CMD ["cat", "/new"]', "-c", "LABEL by=test", "-m", "the message", "--author", "Ann"];
    await said("image", "commit", "-q", ...change, "dev", "done:1");
    expect((await here.run(["--rootfs", "done:1"])).stdout).toBe("new\n");
    const script = "ls /etc/motd 2>/dev/null; ls /opt; cat /etc/alpine-release";
    expect((await here.run(["--rootfs", "done:1", "--", "sh", "-c", script])).stdout).toMatch(/^a\n3\./);
    const [step] = JSON.parse(await said("image", "history", "--json", "done:1"));
    expect(step).toMatchObject({ createdBy: "sandbox image commit dev", comment: "the message" });
    const [image] = JSON.parse(await said("image", "inspect", "--json", "done:1"));
    expect([image.config.author, image.config.config.Labels, image.layers.length]).toEqual(["Ann", { by: "test" }, 2]);
    expect(await said("image", "verify", "done:1")).toBe("done:1: whole\n");
  });

  withSkopeo("skopeo reads what it saved, whiteouts included", async () => {
    await said("image", "save", "-o", "done.tar", "done:1");
    await succeed(here, "skopeo", "copy", "--insecure-policy", "oci-archive:done.tar", "dir:done");
    const { layers } = JSON.parse(readFileSync(join(here.dir, "done/manifest.json"), "utf8"));
    const names = await succeed(here, "tar", "-tf", join(here.dir, "done", layers[1].digest.slice(7)));
    expect(names.split("\n")).toContain("etc/.wh.motd");
    expect(names.split("\n")).toContain("opt/a/");
  });

  withImages("an environment on Alpine becomes two layers", async () => {
    const alpine = ["--rootfs", minirootfs ?? "", "--persist", "al"];
    expect((await here.run([...alpine, "--", "touch", "/here"])).code).toBe(0);
    await said("image", "commit", "-q", "al", "al:1");
    const { stdout } = await here.run(["--rootfs", "al:1", "--", "ls", "/here", "/etc/alpine-release"]);
    expect(stdout).toBe("/etc/alpine-release\n/here\n");
  });

  withImages("what cannot be committed is told", async () => {
    const none = await here.sandbox(["image", "commit", "nowhere", "x:1"]);
    expect([none.code, none.stderr]).toEqual([125, expect.stringContaining("there is none of that name")]);
    expect((await here.sandbox(["image", "commit", "dev", "X"])).code).toBe(2);
  });

  withImages("env: ls, diff, snapshot, reset, restore, rm; and export of one", async () => {
    expect(await said("env", "diff", "dev")).toContain("D /etc/motd\n");
    expect(await said("image", "diff", "env:dev")).toContain("A /new\n");
    await said("image", "export", "env:dev", "-o", "dev.tar");
    const names = (await succeed(here, "tar", "-tf", "dev.tar")).split("\n");
    expect([names.includes("new"), names.includes("etc/motd"), names.includes("opt/a/")]).toEqual([true, false, true]);
    expect(await said("env", "snapshot", "dev", "v1")).toBe("dev@v1\n");
    await said("env", "reset", "dev");
    expect(await said("env", "diff", "dev")).toBe("");
    await said("env", "restore", "dev@v1");
    expect((await dev("cat /new")).stdout).toBe("new\n");
    const environments = JSON.parse(await said("env", "ls", "--json"));
    expect(environments.map(({ name }: { name: string }) => name)).toEqual(["al", "dev"]);
    expect(await said("env", "ls")).toMatch(/^NAME +BASE +SIZE +LAST USED +STATE\n/);
    expect(await said("env", "rm", "dev@v1", "dev", "al")).toBe("dev@v1\ndev\nal\n");
    expect(JSON.parse(await said("env", "ls", "--json"))).toEqual([]);
    const gone = await here.sandbox(["env", "restore", "dev", "v1"]);
    expect([gone.code, gone.stderr]).toEqual([125, expect.stringContaining("there is none of that name")]);
  });
});
