import { afterAll, describe, expect } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withVerbs } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/commands/all.table.ts";
import { zshCompletion } from "../../../src/cli/completion/zsh.ts";
import { absent, testWhere } from "../../support/test_where.ts";
import { COMMAND_NAMES, sampleCommand } from "./sample_command.ts";
import { ShellSession } from "./shell_session.ts";

const testInZsh = (name: string, body: () => Promise<void>): void => testWhere(absent("zsh"))(name, body, 30_000);
const folder = mkdtempSync(join(tmpdir(), "sandbox-zsh-"));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "data"));
writeFileSync(join(folder, "data.txt"), "");
writeFileSync(join(folder, "doer"), "");
chmodSync(join(folder, "doer"), 0o755);
writeFileSync(join(folder, "all.zsh"), zshCompletion(COMMANDS));
writeFileSync(join(folder, "sample.zsh"), zshCompletion([sampleCommand, ...COMMANDS]));
mkdirSync(join(folder, "functions"));
writeFileSync(join(folder, "functions/_sandbox"), zshCompletion(COMMANDS));

// Prints every match that completion adds, and nothing else: zshcompwid(1), compadd -A.
const PROBE = `
  PS1='<''ready>'
  cd ${folder}
  fpath=(${folder}/functions $fpath)
  autoload -Uz compinit
  compinit -u -D
  compadd() {
    if [[ \${@[1,(i)(-|--)]} != *-(O|A|D)\\ * ]]; then
      local -a matches
      builtin compadd -A matches "$@"
      print -rl -- $matches
    fi
    builtin compadd "$@"
  }
  finish() {
    compstate[insert]= compstate[list]=
    comppostfuncs=(finish)
    print -r -- '<''end>'
  }
  comppostfuncs=(finish)
  bindkey '^I' complete-word
  _probe() { _arguments '--inner[of the command itself]' '1:file:_files' }
  compdef _probe probe
  sandbox() { [[ $1 == internal-names ]] && print -l web worker db }
`;

async function session(script?: string): Promise<ShellSession> {
  writeFileSync(join(folder, "probe.zsh"), PROBE);
  const zsh = new ShellSession(["zsh", "-f", "-i"], { HOME: folder });
  const source = script === undefined ? "" : `source ./${script};`;
  // With the prompt, the line editor is there: what is typed before goes through the terminal's own editing.
  await zsh.type(`source ${folder}/probe.zsh; ${source}\n`, "<ready>");
  return zsh;
}

async function offered(zsh: ShellSession, line: string): Promise<readonly string[]> {
  const shown = Bun.stripANSI(await zsh.type(`\x15${line}\t`, "<end>"));
  const matches = shown.slice(shown.lastIndexOf(line) + line.length).split(/[\r\n]+/);
  return [...new Set(matches.filter((word) => word !== ""))].sort();
}

describe("zsh completes", () => {
  testInZsh("every flag of every command", async () => {
    using zsh = await session("all.zsh");
    for (const { name, flags } of withVerbs(COMMANDS)) {
      const wanted = flags.flatMap((flag) => [flag.name, ...(flag.short ? [flag.short] : [])]).sort();
      expect(await offered(zsh, `sandbox ${name} -`)).toEqual(wanted);
    }
  });

  testInZsh("commands, flags, values, and the command that is run as it is completed alone", async () => {
    using zsh = await session("sample.zsh");
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ["sandbox ", COMMAND_NAMES],
      ["sandbox image pu", ["pull"]],
      ["sandbox port ls w", ["web", "worker"]],
      ["sandbox env ", ["diff", "ls", "reset", "restore", "rm", "snapshot"]],
      ["sandbox image save --format docker", ["docker-archive"]],
      ["sandbox image load dat", ["data", "data.txt"]],
      ["sandbox try --mo", ["--mode"]],
      ["sandbox try --mode ", ["bind", "new"]],
      ["sandbox try --mode=", ["bind", "new"]],
      ["sandbox try -m ", ["bind", "new"]],
      ["sandbox try --keep ", []],
      ["sandbox try --file d", ["data", "data.txt", "doer"]],
      ["sandbox try --folder d", ["data"]],
      ["sandbox try ./d", ["data", "doer"]],
      ["sandbox try probe --in", ["--inner"]],
      ["sandbox try -- probe --in", ["--inner"]],
      ["sandbox try -it --mode new --keep=x -v a:b probe --in", ["--inner"]],
      ["sandbox try probe --mo", []],
      ["sandbox try -t probe -", ["--inner"]],
      ["sandbox completion ", ["bash", "fish", "zsh"]],
      ["sandbox help ve", ["version"]],
    ];
    for (const [line, wanted] of cases) expect([line, await offered(zsh, line)]).toEqual([line, wanted]);
  });

  testInZsh("a program's name where the command begins", async () => {
    using zsh = await session("sample.zsh");
    for (const line of ["sandbox try bas", "sandbox try -- bas", "sandbox try -m new bas"])
      expect(await offered(zsh, line)).toContain("bash");
  });

  testInZsh("from a folder of $fpath, too", async () => {
    using zsh = await session();
    expect(await offered(zsh, "sandbox ve")).toEqual(["version"]);
    expect(await offered(zsh, "sandbox run --roo")).toEqual(["--rootfs"]);
  });
});
