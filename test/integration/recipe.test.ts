// A root file system by a recipe, as a user makes it: built by the built binary on an Alpine tarball, found again, changed, killed.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { O_DIRECTORY, O_RDONLY, open } from "../../ffi/file.ts";
import { checkStore } from "../../rootfs-builder/store/check.ts";
import { performJob } from "../../rootfs-builder/store/perform_job.ts";
import { prune } from "../../rootfs-builder/store/prune.ts";
import { storeJobs } from "../../src/cli/store_jobs.ts";
import { JOB_PROGRAM } from "../fixtures/rootfs-builder/job_program.ts";
import { random } from "../fixtures/rootfs-builder/random.ts";
import { makePackage } from "../support/apk_package.ts";
import { eventually, marked } from "../support/processes.ts";
import { asRoot, noIdRange, testWhere } from "../support/test_where.ts";
import { type Outcome, SANDBOX, workspace } from "../support/workspace.ts";

const here = workspace();
const MACHINE = process.arch === "arm64" ? "aarch64" : "x86_64";
const TARBALL =
  process.env.ALPINE_MINIROOTFS ??
  resolve(import.meta.dir, `../../../shared/alpine/alpine-minirootfs-3.20.3-${MACHINE}.tar.gz`);
const NO_TARBALL = existsSync(TARBALL) ? undefined : "no Alpine tarball: set ALPINE_MINIROOTFS";
const withTarball = testWhere(NO_TARBALL);
const withRange = testWhere(NO_TARBALL, noIdRange(), asRoot());
const caller = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, env: process.env };

/** A project of its own, with a store of its own. */
class Project {
  readonly name: string;
  readonly dir: string;
  readonly store: string;
  readonly userns: string;

  constructor(name: string, userns = "single") {
    this.name = name;
    this.userns = userns;
    this.dir = here.folder(name);
    this.store = join(here.root, `store-${name}`);
  }

  write(path: string, content: string, mode?: number): void {
    here.file(join(this.dir, path), content, mode);
  }

  recipe(section: string): void {
    this.write("sandbox.toml", `[project]\nname = "x"\n\n[rootfs]\nfrom = "${TARBALL}"\n${section}\n`);
  }

  async build(...args: readonly string[]): Promise<Outcome> {
    const flags = ["--store", this.store, "--userns", this.userns];
    return await here.sandbox(["image", "build", ...flags, ...args], { cwd: this.dir });
  }

  async run(rootfs: string, script: string): Promise<Outcome> {
    const flags = ["--store", this.store, "--userns", this.userns, "--rootfs", rootfs];
    return await here.run([...flags, "--", "sh", "-c", script], { cwd: this.dir });
  }

  list(folder: string): readonly string[] {
    return readdirSync(join(this.store, folder)).sort();
  }

  /** By the store's own means: its files may be of subordinate ids. */
  async remove(): Promise<void> {
    using folder = open(here.root, O_RDONLY | O_DIRECTORY);
    const { run } = storeJobs(caller, "auto", JOB_PROGRAM);
    await run({ kind: "remove", folder: folder.number, name: basename(this.store) });
  }

  async expectWhole(): Promise<void> {
    const { run } = storeJobs(caller, this.userns === "range" ? "range" : "single", JOB_PROGRAM);
    const { problems } = await checkStore({ store: this.store, run, repair: false, now: Date.now() + 60_000 });
    expect(problems).toEqual([]);
    for (const folder of ["tmp", "lock", "persist"]) expect([folder, ...this.list(folder)]).toEqual([folder]);
  }
}

/** The sections that were made, and those that were found. */
function told({ stderr }: Outcome): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...stderr.matchAll(/^sandbox: (\w+): (building|cached)$/gm)].map((match) => [match[1], match[2]]),
  );
}

describe("image build", () => {
  withTarball("makes what the recipe says, and the second time nothing", async () => {
    const project = new Project("full");
    const apk = await makePackage(here, "1.0", "the tool works");
    writeFileSync(join(project.dir, "x.apk"), new Uint8Array(await Bun.file(apk).arrayBuffer()));
    project.write("src/a", "a\n");
    project.write("src/deep/b.sh", "#!/bin/sh\n", 0o750);
    symlinkSync("a", join(project.dir, "src/link"));
    project.write("hello", "#!/bin/sh\necho hello\n", 0o755);
    project.recipe(`packages = ["./x.apk"]
copy = ["src:/opt/src", { from = "hello", to = "/usr/local/bin/" }, "hello:/opt/renamed"]
run = ["tool > /etc/said; echo $MODE >> /etc/said", "rm /etc/motd; cat /opt/src/a >> /etc/said"]
env = { MODE = "fast", PLACE = "a b" }`);
    const built = await project.build();
    expect([built.code, told(built)]).toEqual([
      0,
      { packages: "building", copy: "building", run: "building", env: "building" },
    ]);
    expect(built.stdout).toMatch(/^recipe:[0-9a-f]{64}\n$/);
    const layers = project.list("layers");
    // The base, and one each for packages, copy and run.
    expect(layers).toHaveLength(4);
    const before = await here.host(["find", project.store, "-printf", "%p %i %T@ %C@\\n"]);

    const again = await project.build();
    expect(again).toMatchObject({ code: 0, stdout: built.stdout });
    expect(told(again)).toEqual({ packages: "cached", copy: "cached", run: "cached", env: "cached" });
    const script = "cat /etc/said; hello; echo $MODE $PLACE; apk info -e tool; test -e /etc/motd || echo gone";
    expect(await project.run("sandbox.toml", script)).toEqual({
      code: 0,
      stdout: "the tool works\nfast\na\nhello\nfast a b\ntool\ngone\n",
      stderr: "",
    });
    const modes =
      "stat -c '%a %u %n' /opt/src/deep/b.sh /usr/local/bin/hello /opt/renamed; readlink /opt/src/link; ls /dev/shm";
    expect((await project.run("recipe:sandbox.toml", modes)).stdout).toBe(
      "750 0 /opt/src/deep/b.sh\n755 0 /usr/local/bin/hello\n755 0 /opt/renamed\na\n",
    );
    // No layer, no name, no time stamp: neither the second build nor the runs have written anything.
    expect(await here.host(["find", project.store, "-printf", "%p %i %T@ %C@\\n"])).toEqual(before);
    await project.expectWhole();
  });

  withTarball("a change has its section made again, and those after it", async () => {
    const project = new Project("changes");
    project.write("a", "one");
    project.write("b", "one");
    const write = (command: string, env = "1"): void =>
      project.recipe(`copy = ["a:/a"]\nrun = ["${command}"]\nenv = { E = "${env}" }`);
    write("cat /a > /ran");
    expect(told(await project.build())).toEqual({ copy: "building", run: "building", env: "building" });
    project.write("a", "two");
    expect(told(await project.build())).toEqual({ copy: "building", run: "building", env: "building" });
    expect((await project.run("sandbox.toml", "cat /ran")).stdout).toBe("two");
    write("cat /a /a > /ran");
    expect(told(await project.build())).toEqual({ copy: "cached", run: "building", env: "building" });
    write("cat /a /a > /ran", "2");
    // Commands see the variables.
    expect(told(await project.build())).toEqual({ copy: "cached", run: "building", env: "building" });
    project.write("a", "one");
    write("cat /a > /ran");
    expect(told(await project.build())).toEqual({ copy: "cached", run: "cached", env: "cached" });
    expect(told(await project.build("--no-cache"))).toEqual({ copy: "building", run: "building", env: "building" });
    await project.expectWhole();
  });

  withTarball("run builds what is not there, and says nothing when it is", async () => {
    const project = new Project("by-run");
    project.recipe('run = ["echo noise; echo made > /made"]');
    const first = await project.run("./sandbox.toml", "cat /made");
    // What steps print is no output of the command's.
    expect([first.code, first.stdout]).toEqual([0, "made\n"]);
    expect(first.stderr).toContain("sandbox: run: building\n");
    expect(first.stderr).toContain("noise\n");
    expect(await project.run("./sandbox.toml", "cat /made")).toEqual({ code: 0, stdout: "made\n", stderr: "" });
  });

  withTarball("-t gives a name, by which it is run", async () => {
    const project = new Project("named");
    project.recipe('run = ["echo named > /made"]');
    const built = await project.build("-t", "ci/tools:1");
    expect([built.code, built.stdout]).toEqual([0, "docker.io/ci/tools:1\n"]);
    expect((await project.run("ci/tools:1", "cat /made")).stdout).toBe("named\n");
    expect((await project.build("-t", "Upper Case")).code).toBe(2);
  });

  withTarball("an image that was built is a base for the next recipe", async () => {
    const project = new Project("based");
    project.recipe('run = ["echo below > /below"]\nenv = { A = "1", B = "1" }');
    expect((await project.build("-t", "base")).code).toBe(0);
    project.write("next.toml", '[rootfs]\nfrom = "base"\nrun = ["echo $A$B > /seen"]\nenv = { B = "2" }');
    expect((await project.build("-f", "next.toml")).code).toBe(0);
    const { stdout } = await project.run("next.toml", "cat /below /seen; echo $A$B");
    expect(stdout).toBe("below\n12\n12\n");
  });

  withRange("with a range of ids, owners are kept", async () => {
    const project = new Project("range", "range");
    const apk = await makePackage(here, "2.0", "two");
    writeFileSync(join(project.dir, "x.apk"), new Uint8Array(await Bun.file(apk).arrayBuffer()));
    project.recipe(
      `packages = ["x.apk"]\nrun = ["adduser -D bob; su bob -c 'echo x > /home/bob/x; chmod 600 /home/bob/x'"]`,
    );
    expect((await project.build()).code).toBe(0);
    const script = "stat -c '%u:%g %a' /usr/bin/tool /home/bob/x; su bob -c 'cat /home/bob/x'";
    const { stdout, stderr } = await project.run("sandbox.toml", script);
    expect([stdout, stderr]).toEqual(["33:33 755\n1000:1000 600\nx\n", ""]);
    await project.expectWhole();
    await project.remove();
  });
});

describe("what goes wrong", () => {
  withTarball("a command that fails is named with its status, and nothing gets a name", async () => {
    const project = new Project("failing");
    project.recipe('copy = ["sandbox.toml:/x"]\nrun = ["true", "false; echo not reached", "true"]');
    const { code, stdout, stderr } = await project.build("-t", "never");
    expect([code, stdout]).toEqual([125, ""]);
    expect(stderr).toContain('Cannot build sandbox.toml: "false; echo not reached" ended with status 1\n');
    expect(stderr).toContain("--network slirp");
    expect(stderr).not.toContain("not reached\n  not reached");
    // The base and the copies are there, the next attempt begins behind them.
    expect(project.list("images")).toHaveLength(2);
    expect(told(await project.build())).toEqual({ copy: "cached", run: "building" });
    await project.expectWhole();
  });

  withTarball("a package that is not there, and one for what is no Alpine", async () => {
    const project = new Project("packages");
    project.recipe('packages = ["no-such-package"]');
    const missing = await project.build();
    expect(missing.code).toBe(125);
    expect(missing.stderr).toContain('"apk add no-such-package" ended with status 1');
    expect(missing.stderr).toContain("no-such-package (no such package)");
    project.recipe('run = ["rm /sbin/apk"]');
    expect((await project.build("-t", "other")).code).toBe(0);
    project.write("sandbox.toml", '[rootfs]\nfrom = "other"\npackages = ["gcc"]');
    const other = await project.build();
    expect(other.code).toBe(125);
    expect(other.stderr).toContain("packages are for Alpine");
  });

  test.each([
    ["[rootfs]\nfrom = alpine\n", "Cannot read sandbox.toml, line 2, column 8: Strings must be quoted"],
    ['[rootfs]\nfrom = "a"\npackage = []\n', "did you mean packages?"],
    ['[rootfs]\nfrom = "./none.tar"\n', "Cannot use ./none.tar as the root file system: there is no such file"],
    ['[rootfs]\nfrom = "alpine:edge"\n', "Cannot use alpine:edge: it changes from day to day"],
    ['[rootfs]\nfrom = "folder"\n', "a folder has no digest"],
    ['[rootfs]\nfrom = "other.toml"\n', "it is a recipe itself"],
  ])("%p is refused, and the store stays empty", async (text, cause) => {
    const project = new Project("refused");
    project.write("sandbox.toml", text);
    project.write("folder/x", "");
    const { code, stderr } = await project.build();
    expect(stderr).toContain(cause);
    expect(code).toBe(125);
    expect(existsSync(join(project.store, "images"))).toBe(false);
  });

  test("no recipe at all", async () => {
    const project = new Project("none");
    expect((await project.build()).stderr).toContain("Cannot read the recipe sandbox.toml: there is no such file");
    expect((await project.run("recipe:none.toml", "true")).stderr).toContain("there is no such file");
  });

  withTarball("a link that leads out of the recipe's folder is not followed", async () => {
    const project = new Project("links");
    symlinkSync("/etc/passwd", join(project.dir, "out"));
    mkdirSync(join(project.dir, "inside"));
    symlinkSync("/etc/passwd", join(project.dir, "inside/out"));
    project.recipe('copy = ["out:/out"]');
    expect((await project.build()).stderr).toContain("Cannot copy out: it leads out of the folder");
    // Within a folder it stays a link, and leads to the sandbox's own.
    project.recipe('copy = ["inside:/inside"]');
    expect((await project.build()).code).toBe(0);
    expect((await project.run("sandbox.toml", "readlink /inside/out")).stdout).toBe("/etc/passwd\n");
  });
});

describe("kill -9", () => {
  withTarball("of a build ends its command, and the next build clears up", async () => {
    const project = new Project("killed");
    project.recipe('run = ["echo x > /partial; echo started; sleep 600"]');
    const args = ["image", "build", "--store", project.store, "--userns", "single"];
    const child = Bun.spawn([SANDBOX, ...args], { cwd: project.dir, env: here.env, stdout: "pipe", stderr: "pipe" });
    const seen = await untilSaid(child.stderr, "started\n");
    expect(seen).toContain("building");
    child.kill("SIGKILL");
    await child.exited;
    await eventually(
      () => marked(project.store).concat(marked("sleep 600")),
      (pids) => pids.length === 0,
    );
    expect(project.list("tmp")).toHaveLength(1);
    project.recipe('run = ["echo x > /whole"]');
    expect((await project.build()).code).toBe(0);
    expect((await project.run("sandbox.toml", "ls /partial /whole 2>/dev/null")).stdout).toBe("/whole\n");
    await project.expectWhole();
  });

  withTarball(
    "at 20 moments, seed 30: the same build then comes to its end",
    async () => {
      const project = new Project("moments");
      project.write("a", "a");
      project.recipe('copy = ["a:/a"]\nrun = ["echo 1 > /1", "echo 2 > /2"]\nenv = { E = "1" }');
      expect((await project.build()).code).toBe(0);
      const start = performance.now();
      expect((await project.build("--no-cache")).code).toBe(0);
      const length = performance.now() - start;
      const dice = random(30);
      let killed = 0;
      for (let moment = 0; moment < 20; moment++) {
        const args = ["image", "build", "--no-cache", "--store", project.store, "--userns", "single"];
        const child = Bun.spawn([SANDBOX, ...args], { cwd: project.dir, env: here.env, stderr: "ignore" });
        await Bun.sleep((dice.below(1000) / 1000) * length);
        child.kill("SIGKILL");
        await child.exited;
        if (child.signalCode === "SIGKILL") killed++;
        project.write("a", `${moment}`);
        expect((await project.build()).code).toBe(0);
        expect((await project.run("sandbox.toml", "cat /a /1 /2; echo $E")).stdout).toBe(`${moment}1\n2\n1\n`);
        await project.expectWhole();
      }
      expect(killed).toBeGreaterThan(5);
    },
    120_000,
  );
});

withTarball("prune leaves steps that were used within a week, then takes those that no other name needs", async () => {
  const project = new Project("pruned");
  project.recipe('run = ["echo 1 > /1"]');
  await project.build("-t", "kept");
  project.recipe('run = ["echo 2 > /2"]');
  await project.build();
  const options = { rootfs: "keep", layerBlobs: "keep", partials: "keep", images: "keep", dryRun: false } as const;
  const pruned = async (days: number) =>
    await prune({ ...options, store: project.store, run: performJob, grace: 0, now: Date.now() + days * 86_400_000 });
  expect(await pruned(6)).toMatchObject({ images: [], layers: [] });
  const late = await pruned(8);
  // The base, and both commands' steps; of the layers only what the name `kept` does not lead to.
  expect(late.images).toHaveLength(3);
  expect(late.layers).toHaveLength(1);
  expect((await project.run("kept", "cat /1")).stdout).toBe("1\n");
  expect(told(await project.build())).toEqual({ run: "building" });
});

async function untilSaid(stream: ReadableStream<Uint8Array>, wanted: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes(wanted)) return text;
  }
  throw new Error(`it ended without ${JSON.stringify(wanted)}: ${text}`);
}
