import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withVerbs } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/commands/all.table.ts";
import { manPage, text } from "../../../src/cli/man_page.ts";
import { absent, testWhere } from "../../support/test_where.ts";
import { sampleCommand } from "./sample_command.ts";

const folder = mkdtempSync(join(tmpdir(), "sandbox-man-"));
afterAll(() => rmSync(folder, { recursive: true }));

const pages = [
  ["sandbox(1)", manPage(COMMANDS, "1.2.3")],
  ["a page of the sample table", manPage([sampleCommand], "1.2.3")],
] as const;

function output(page: string, argv: readonly string[]): string {
  const path = join(folder, "sandbox.1");
  writeFileSync(path, page);
  const env = { PATH: process.env.PATH ?? "", LC_ALL: "C.UTF-8", MANWIDTH: "200", MAN_KEEP_FORMATTING: "" };
  const { stdout, stderr } = Bun.spawnSync([...argv, path], { env });
  return `${stdout}${stderr}`;
}

describe("text() shows as it stands", () => {
  test.each([
    ["--read-only", "\\-\\-read\\-only"],
    ["C:\\new", "C:\\enew"],
    [".hidden", "\\&.hidden"],
    ["a .hidden", "a \\&.hidden"],
    ["host's `x` ~ ^", "host\\(aqs \\(gax\\(ga \\(ti \\(ha"],
  ])("%s", (plain, roff) => {
    expect(text(plain)).toBe(roff);
  });
});

describe("the manual page", () => {
  test.each(withVerbs(COMMANDS).map((command) => [command.name, command] as const))(
    "has every flag of %s",
    (name, command) => {
      const page = manPage(COMMANDS, "1.2.3");
      const section = page.split(/^\.S[SH] /m).find((part) => part.startsWith(`"sandbox ${name}"`)) ?? "";
      for (const { name: long, short, value } of command.flags) {
        const names = [short, long].flatMap((word) => (word ? [`\\fB${text(word)}\\fR`] : [])).join(", ");
        expect(section).toContain(`.TP\n${names}${value ? ` \\fI${text(value)}\\fR` : ""}\n`);
      }
    },
  );

  test("has the sections that man-pages(7) lists, in its order", () => {
    const titles = [...manPage(COMMANDS, "1.2.3").matchAll(/^\.SH (.*)$/gm)].map(([, title]) => title);
    expect(titles).toEqual([
      "NAME",
      "SYNOPSIS",
      "DESCRIPTION",
      "COMMANDS",
      "EXIT STATUS",
      "ENVIRONMENT",
      "EXAMPLES",
      "SEE ALSO",
    ]);
  });

  for (const [name, page] of pages) {
    testWhere(absent("mandoc"))(`mandoc has nothing to say about ${name}`, () => {
      expect(output(page, ["mandoc", "-T", "lint"])).toBe("");
    });

    testWhere(absent("groff"))(`groff has no warning about ${name}`, () => {
      expect(output(page, ["groff", "-man", "-Tutf8", "-ww", "-z"])).toBe("");
    });
  }

  testWhere(absent("groff"))("reads as it was meant to", () => {
    const argv = ["groff", "-man", "-Tutf8", "-P-c", "-P-b", "-P-o", "-P-u"];
    const read = output(manPage([sampleCommand], "1.2.3"), argv).replace(/\s+/g, " ");
    expect(read).toContain("--keep NAME Keep 'it' under C:\\NAME.");
    expect(read).toContain("-v, --volume SRC:DST Bind [rw] a path. May be given several times.");
    expect(read).toContain("sandbox try -v ~/a:/a -- ls .hidden files too.");
    expect(read).toContain("SYNOPSIS sandbox try [OPTION...] [--] COMMAND [ARGUMENT...]");
  });
});
