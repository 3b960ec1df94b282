import { afterAll, describe, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withVerbs } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/commands/all.table.ts";
import { bashCompletion } from "../../../src/cli/completion/bash.ts";
import { absent, testWhere } from "../../support/test_where.ts";
import { COMMAND_NAMES, sampleCommand } from "./sample_command.ts";
import { ShellSession } from "./shell_session.ts";

const testInBash = testWhere(absent("bash"));
const folder = mkdtempSync(join(tmpdir(), "sandbox-bash-"));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "data/inner"), { recursive: true });
writeFileSync(join(folder, "data.txt"), "");
writeFileSync(join(folder, "two words"), "");
writeFileSync(join(folder, "all.bash"), bashCompletion(COMMANDS));
writeFileSync(join(folder, "sample.bash"), bashCompletion([sampleCommand, ...COMMANDS]));

const PATH = process.env.PATH ?? "";

/** What is offered for the last of `words`; they are split as bash splits them, at = and : too. */
function offered(line: string, words: readonly string[], script = "sample.bash", before = ""): readonly string[] {
  const program = `${before}
    source ./${script}
    COMP_LINE=$1 COMP_POINT=\${#1}
    shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    part=\${COMP_WORDS[COMP_CWORD]}
    [[ $part == [=:] ]] && part=
    _sandbox sandbox "$part" "\${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const argv = ["bash", "--norc", "-c", program, "-", line, ...words];
  const { stdout, stderr } = Bun.spawnSync(argv, { cwd: folder, env: { PATH } });
  expect(stderr.toString()).toBe("");
  return stdout.toString().split("\n").slice(0, -1).sort();
}

const offeredFor = (line: string, script?: string) => offered(line, line.split(" "), script);

describe("bash completes", () => {
  testInBash("a command's name, and what may stand in its place", () => {
    expect(offeredFor("sandbox ")).toEqual(["--help", "--version", ...COMMAND_NAMES]);
    expect(offeredFor("sandbox ve")).toEqual(["version"]);
  });

  testInBash("a sandbox that runs", () => {
    const names = "sandbox() { [[ $1 == internal-names ]] && printf '%s\\n' web worker db; }";
    const line = "sandbox port ls w";
    expect(offered(line, line.split(" "), "sample.bash", names)).toEqual(["web", "worker"]);
  });

  for (const { name, flags } of withVerbs(COMMANDS)) {
    testInBash(`every flag of ${name}`, () => {
      const wanted = flags.flatMap((flag) => [flag.name, ...(flag.short ? [flag.short] : [])]);
      expect(offeredFor(`sandbox ${name} -`, "all.bash")).toEqual(wanted.sort());
    });
  }

  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["sandbox image pu", ["pull"]],
    ["sandbox env ", ["--help", "-h", "diff", "ls", "reset", "restore", "rm", "snapshot"]],
    ["sandbox image save --format docker", ["docker-archive"]],
    ["sandbox image save x --format=oci", ["--format=oci", "--format=oci-archive"]],
    ["sandbox image load da", ["data", "data.txt"]],
    ["sandbox try --mo", ["--mode"]],
    ["sandbox try --mode ", ["bind", "new"]],
    ["sandbox try --mode b", ["bind"]],
    ["sandbox try -m ", ["bind", "new"]],
    ["sandbox try -itm ", ["bind", "new"]],
    ["sandbox try --keep ", [""]],
    ["sandbox try --file d", ["data", "data.txt"]],
    ["sandbox try --folder d", ["data"]],
    ["sandbox try --folder data/", ["data/inner"]],
    ["sandbox try -t --mode new --fo", ["--folder"]],
    ["sandbox try -mnew --fo", ["--folder"]],
    ["sandbox try ./d", ["./data", "./data.txt"]],
    ["sandbox try ls --fo", [""]],
    ["sandbox try ls d", ["data", "data.txt"]],
    ["sandbox try -- ls d", ["data", "data.txt"]],
    ["sandbox try -t ls -- d", ["data", "data.txt"]],
    ["sandbox completion ", ["bash", "fish", "zsh"]],
    ["sandbox help r", ["resume", "run"]],
    ["sandbox version x", [""]],
    ["sandbox nonsense x", [""]],
  ];
  for (const [line, wanted] of cases) {
    testInBash(`${JSON.stringify(line)} to ${JSON.stringify(wanted)}`, () => {
      expect(offeredFor(line)).toEqual(wanted);
    });
  }

  testInBash("a program's name where the command begins", () => {
    expect(offeredFor("sandbox try bas")).toContain("bash");
    expect(offeredFor("sandbox try -- bas")).toContain("bash");
    expect(offeredFor("sandbox try --mode new bas")).toContain("bash");
  });

  testInBash("values behind = and :, which bash makes words of their own", () => {
    const words = ["sandbox", "try", "--mode", "="];
    expect(offered("sandbox try --mode=", words)).toEqual(["bind", "new"]);
    expect(offered("sandbox try --mode=n", [...words, "n"])).toEqual(["new"]);
    expect(offered("sandbox try --file=d", ["sandbox", "try", "--file", "=", "d"])).toEqual(["data", "data.txt"]);
    expect(offered("sandbox try --file a:d", ["sandbox", "try", "--file", "a", ":", "d"])).toEqual([
      "data",
      "data.txt",
    ]);
  });

  testInBash("the command by its own completion, where bash-completion is loaded", () => {
    const stub = `_command_offset() { COMPREPLY=("$1 is \${COMP_WORDS[$1]}"); }`;
    const words = ["sandbox", "try", "-v", "/a", ":", "/b", "--keep", "=", "x", "ls", "--co"];
    expect(offered("sandbox try -v /a:/b --keep=x ls --co", words, "sample.bash", stub)).toEqual(["9 is ls"]);
  });
});

testInBash(
  "readline inserts what is meant",
  async () => {
    using bash = new ShellSession(["bash", "--norc", "--noprofile", "-i"], { PS1: "<ready>", HISTFILE: "" });
    const typed = async (keys: string): Promise<string> => {
      const shown = await bash.type(`${keys}\n`, "<end>\r\n<ready>");
      return shown.slice(shown.lastIndexOf("<begin>"));
    };
    await bash.type("", "<ready>");
    await typed(`cd ${folder}; sandbox() { printf '<%s>' begin "$@" end; echo; }; source ./sample.bash; sandbox`);
    expect(await typed("sandbox try --mode=b\tls")).toBe("<begin><try><--mode=bind><ls>");
    expect(await typed("sandbox try --mod\tb\tls")).toBe("<begin><try><--mode><bind><ls>");
    expect(await typed("sandbox try --folder=dat\tin\t")).toBe("<begin><try><--folder=data/inner/>");
    expect(await typed("sandbox try --file tw\t x")).toBe("<begin><try><--file><two words><x>");
    expect(await typed("sandbox try -v a:two\t x")).toBe("<begin><try><-v><a:two><x>");
    expect(await typed("sandbox try ls tw\t")).toBe("<begin><try><ls><two words>");
  },
  30_000,
);
