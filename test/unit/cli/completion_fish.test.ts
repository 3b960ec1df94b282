import { afterAll, describe, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withVerbs } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/commands/all.table.ts";
import { fishCompletion } from "../../../src/cli/completion/fish.ts";
import { absent, testWhere } from "../../support/test_where.ts";
import { COMMAND_NAMES, sampleCommand } from "./sample_command.ts";

const ALL = withVerbs(COMMANDS);
const testInFish = testWhere(absent("fish"));
const folder = mkdtempSync(join(tmpdir(), "sandbox-fish-"));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "data"));
writeFileSync(join(folder, "data.txt"), "");
writeFileSync(join(folder, "all.fish"), fishCompletion(COMMANDS));
writeFileSync(join(folder, "sample.fish"), fishCompletion([sampleCommand, ...COMMANDS]));

/** What is offered at the end of each line, one shell for all of them: words without their descriptions. */
function offered(lines: readonly string[], script = "sample.fish"): readonly (readonly string[])[] {
  const program = `source ./${script}
    complete -c probe -l inner -d "of the command itself"
    function sandbox; test "$argv" = internal-names; and printf '%s\\n' web worker db; end
    for line in $argv
      complete "--do-complete=$line"
      echo ===
    end`;
  const env = { PATH: process.env.PATH ?? "", HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
  const argv = ["fish", "--no-config", "-c", program, ...lines];
  const { stdout, stderr } = Bun.spawnSync(argv, { cwd: folder, env, stdin: "ignore" });
  expect(stderr.toString()).toBe("");
  const answers = stdout.toString().split("===\n").slice(0, -1);
  return answers.map((answer) => [...answer.matchAll(/^[^\t\n]+/gm)].map(([word]) => word).sort());
}

describe("fish completes", () => {
  testInFish("every flag of every command", () => {
    const answers = offered(
      ALL.flatMap(({ name }) => [`sandbox ${name} --`, `sandbox ${name} -`]),
      "all.fish",
    );
    ALL.forEach(({ flags }, i) => {
      expect(answers[2 * i]).toEqual(flags.map(({ name }) => name).sort());
      const shorts = flags.flatMap(({ short }) => (short ? [short] : []));
      expect(answers[2 * i + 1]?.filter((word) => /^-[a-zA-Z]$/.test(word))).toEqual(shorts.sort());
    });
  });

  testInFish("commands, flags, values, and the command that is run as it is completed alone", () => {
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ["sandbox ", COMMAND_NAMES],
      ["sandbox port ls w", ["web", "worker"]],
      ["sandbox --", ["--help", "--version"]],
      ["sandbox ve", ["version"]],
      ["sandbox image pu", ["pull"]],
      ["sandbox env ", ["diff", "ls", "reset", "restore", "rm", "snapshot"]],
      ["sandbox image save --format docker", ["docker-archive"]],
      ["sandbox image load dat", ["data.txt", "data/"]],
      ["sandbox try --mo", ["--mode"]],
      ["sandbox try --mode ", ["bind", "new"]],
      ["sandbox try --mode=b", ["--mode=bind"]],
      ["sandbox try -m ", ["bind", "new"]],
      ["sandbox try --keep ", []],
      ["sandbox try --file d", ["data.txt", "data/"]],
      ["sandbox try --folder d", ["data/"]],
      ["sandbox try probe --in", ["--inner"]],
      ["sandbox try -- probe --in", ["--inner"]],
      ["sandbox try -t --mode new --keep=x probe --in", ["--inner"]],
      ["sandbox try -itm new probe --in", ["--inner"]],
      ["sandbox try -mnew probe --in", ["--inner"]],
      ["sandbox try probe --mo", []],
      ["sandbox try cat d", ["data.txt", "data/"]],
      ["sandbox completion ", ["bash", "fish", "zsh"]],
      ["sandbox help ve", ["version"]],
      ["sandbox version ", []],
    ];
    expect(offered(cases.map(([line]) => line))).toEqual(cases.map(([, wanted]) => wanted));
  });

  testInFish("a program's name where the command begins", () => {
    const answers = offered(["sandbox try bas", "sandbox try -- bas", "sandbox try --mode new bas"]);
    for (const answer of answers) expect(answer).toContain("bash");
  });
});
