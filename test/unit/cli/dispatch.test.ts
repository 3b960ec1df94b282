// From outside, as the exit code, standard output and standard error are what counts.
import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { version } from "../../../package.json";
import { withVerbs } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/commands/all.table.ts";
import { helpText, overviewText } from "../../../src/cli/help_text.ts";
import { manPage } from "../../../src/cli/man_page.ts";
import { absent, testWhere } from "../../support/test_where.ts";

const MAIN = [process.execPath, resolve(import.meta.dir, "../../../src/main.ts")];
const SCREEN = { width: 80, colour: false };

function sandbox(...argv: string[]) {
  const env = { PATH: process.env.PATH ?? "", HOME: "/nonexistent" };
  const { exitCode, stdout, stderr } = Bun.spawnSync([...MAIN, ...argv], { env, stdin: "ignore" });
  return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

const said = (stdout: string) => ({ code: 0, stdout, stderr: "" });

describe("help", () => {
  test.each([[[]], [["--help"]], [["-h"]], [["help"]]])("%j shows the overview", (argv) => {
    expect(sandbox(...argv)).toEqual(said(overviewText(COMMANDS, SCREEN)));
  });

  test.each(withVerbs(COMMANDS).map((command) => [command.name, command] as const))(
    "%s is explained",
    (name, command) => {
      const screen = said(helpText(command, SCREEN));
      const words = name.split(" ");
      expect(sandbox("help", ...words)).toEqual(screen);
      expect(sandbox(...words, "--help")).toEqual(screen);
      if (command.verbs) expect(sandbox(name)).toEqual(screen);
    },
  );

  testWhere(absent("bash"))("a reader who has gone is no error", () => {
    // The pipe's reader is gone for certain when `wait` returns.
    const script = 'exec 3> >(exit 0); wait $!; exec "$@" >&3 3>&-';
    const { exitCode, stderr } = Bun.spawnSync(["bash", "-c", script, "-", ...MAIN, "help", "run"]);
    expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
  });

  testWhere(absent("bash"))("a full disk is", () => {
    const { exitCode, stderr } = Bun.spawnSync(["bash", "-c", 'exec "$@" >/dev/full', "-", ...MAIN, "help"]);
    expect(exitCode).toBe(125);
    expect(stderr.toString()).toContain("ENOSPC");
  });
});

describe("version", () => {
  test("--version is one line", () => {
    expect(sandbox("--version")).toEqual(said(`sandbox ${version}\n`));
  });

  test("version tells what it was built from", () => {
    const { code, stdout } = sandbox("version");
    expect(code).toBe(0);
    expect(stdout).toStartWith(`sandbox ${version}\n`);
    expect(stdout).toContain(`bun           ${Bun.version}\n`);
  });

  test("version --json tells it to programs", () => {
    const facts = JSON.parse(sandbox("version", "--json").stdout);
    expect(Object.keys(facts)).toEqual(["version", "commit", "bun", "architecture", "alpine"]);
    expect(facts).toMatchObject({ version, bun: Bun.version });
  });
});

test("man prints the manual page", () => {
  expect(sandbox("man")).toEqual(said(manPage(COMMANDS, version)));
});

test("doctor --json answers in its exit code and as JSON", () => {
  const { code, stdout } = sandbox("doctor", "--json");
  expect(code).toBe(JSON.parse(stdout).canRun ? 0 : 1);
});

describe("mistakes end with status 2, a reason and what to do", () => {
  test.each([
    [["docter"], 'there is no command "docter"', "did you mean sandbox doctor?"],
    [["ls", "-la"], 'there is no command "ls"', "sandbox run -- ls"],
    [["help", "rnu"], 'there is no command "rnu"', "see: sandbox help"],
    [["--rootfs", "x"], "--rootfs stands where a command's name is expected", "try: sandbox run --rootfs ..."],
    [["--bogus"], "--bogus stands where a command's name is expected", "see: sandbox help"],
    [["version", "now"], 'sandbox version takes no argument "now"', "see: sandbox version --help"],
    [["help", "run", "now"], 'sandbox help takes no argument "now"', "see: sandbox help --help"],
    [["image", "pul"], 'there is no command "image pul"', "did you mean sandbox image pull?"],
    [["image", "frobnicate"], 'there is no command "image frobnicate"', "see: sandbox image --help"],
    [["help", "image", "lss"], 'there is no command "image lss"', "did you mean sandbox image ls?"],
    [["image", "tag", "a"], "it is: sandbox image tag [OPTION...] IMAGE NEW", "see: sandbox image tag --help"],
    [["image", "tag", "a", "b", "c"], 'sandbox image tag takes no argument "c"', "see: sandbox image tag --help"],
    [["env", "rm", "a/b"], "it takes letters, digits, dots, dashes and underscores", "sandbox env ls"],
    [["env", "snapshot", "a"], "a snapshot is named by its environment and its tag", "NAME TAG, or NAME@TAG"],
    [["image", "tag", "a", "UPPER"], '"UPPER" must be in lower case', ""],
    [["image", "save", "a", "--format", "oci"], "it is a folder, which needs a name", "name it: -o FOLDER"],
    [["image", "import", "f", "n", "-c", "RUN x"], "it is no instruction that is known", "ENV NAME=VALUE"],
    [["doctor", "--jsn"], "there is no flag --jsn", "did you mean --json?"],
    [["completion"], "no shell is named", "name one of bash, zsh, fish"],
    [["completion", "tcsh"], 'there is no script for "tcsh"', "name one of bash, zsh, fish"],
    [["run", "--hostnam"], "there is no flag --hostnam", "did you mean --hostname?"],
  ])("%j: %s; %s", (argv, cause, hint) => {
    const { code, stdout, stderr } = sandbox(...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toStartWith("sandbox: Cannot ");
    expect(stderr).toContain(`: ${cause}\n  `);
    expect(stderr).toContain(hint);
  });
});
