// The command table → sandbox(1) in the man(7) language, as mandoc and groff both read it.
import { type Command, type Example, type Flag, withVerbs } from "./command.ts";
import { wrapText } from "./wrap_text.ts";

/** When the wording of the page was last revised (man(7), TH). */
const REVISED = "2026-11-24";

// Of the page's source.
const SOURCE_COLUMNS = 80;

type Term = readonly [string, string];

const EXIT_STATUS: readonly Term[] = [
  ["0 to 124, 128 to 255", "The status of the command that was run; 128+N when signal N ended it."],
  ["125", "The sandbox could not be made, or sandbox itself failed."],
  ["126", "The command was found and could not be executed."],
  ["127", "The command was not found."],
  ["2", "The command line was wrong; nothing was run. (The command's own status can be 2, too.)"],
];

const ENVIRONMENT: readonly Term[] = [
  [
    "XDG_DATA_HOME",
    "Root file systems and what is kept of them lie in $XDG_DATA_HOME/sandbox. Default: ~/.local/share",
  ],
  [
    "SANDBOX_ALPINE_MIRROR",
    "The http or https address that Alpine releases are downloaded from, in place of Alpine's own.",
  ],
  ["NO_COLOR", "When set and not empty, nothing is coloured."],
  ["COLUMNS", "How wide help is shown, in place of the terminal's own width."],
];

const SEE_ALSO = ["bwrap(1)", "unshare(1)", "capabilities(7)", "namespaces(7)", "user_namespaces(7)", "seccomp(2)"];

/** The whole page; `version` is that of sandbox. */
export function manPage(commands: readonly Command[], version: string): string {
  const passed = commands.filter(({ passthrough }) => passthrough);
  return [
    `.TH SANDBOX 1 ${REVISED} ${quoted(`sandbox ${version}`)}`,
    // Flags are not to be broken into two lines, nor words pulled apart.
    ".nh",
    ".ad l",
    ".SH NAME",
    "sandbox \\- run commands in sandboxes, without root",
    ".SH SYNOPSIS",
    withVerbs(commands)
      .filter(({ verbs }) => verbs === undefined)
      .map(synopsis)
      .join("\n.br\n"),
    ".SH DESCRIPTION",
    paragraphs(passed.flatMap(({ description }) => description)),
    ".SH COMMANDS",
    ...withVerbs(commands).map(commandSection),
    ".SH EXIT STATUS",
    terms(EXIT_STATUS),
    ".SH ENVIRONMENT",
    terms(ENVIRONMENT),
    ".SH EXAMPLES",
    ...passed.flatMap(({ examples }) => examples.map(example)),
    ".SH SEE ALSO",
    SEE_ALSO.map(reference).join(",\n"),
    "",
  ].join("\n");
}

function commandSection(command: Command): string {
  const { name, summary, description, flags, passthrough } = command;
  const groups = [...new Set(flags.map(({ group }) => group))];
  const single = groups.length === 1;
  return [
    `.SS ${quoted(`sandbox ${name}`)}`,
    `${prose(`${summary}.`)}`,
    ...(passthrough ? [] : [".PP", paragraphs(description)]),
    ...groups.flatMap((group) => [
      ...(single ? [] : [".PP", `.B ${quoted(group)}`]),
      ...flags.filter((flag) => flag.group === group).map(flagTerm),
    ]),
    ...(passthrough ? [] : command.examples.map(example)),
  ].join("\n");
}

function flagTerm({ name, short, value, help, repeat }: Flag): string {
  const names = [short, name].filter((word) => word !== undefined).map((word) => `\\fB${text(word)}\\fR`);
  const place = value === undefined ? "" : ` \\fI${text(value)}\\fR`;
  return `.TP\n${names.join(", ")}${place}\n${prose(`${help}.${repeat ? " May be given several times." : ""}`)}`;
}

function example({ command, does }: Example): string {
  return `.TP\n.B ${quoted(command)}\n${prose(`${capital(does)}.`)}`;
}

function terms(list: readonly Term[]): string {
  return list.map(([term, meaning]) => `.TP\n.B ${quoted(term)}\n${prose(meaning)}`).join("\n");
}

function paragraphs(list: readonly string[]): string {
  return list.map(prose).join("\n.PP\n");
}

// The program's and the command's name are typed as they stand; what follows is a pattern.
function synopsis({ name, usage }: Command): string {
  const typed = `sandbox ${name}`;
  return `\\fB${text(typed)}\\fR ${text(usage.slice(typed.length + 1))}`.trimEnd();
}

function reference(page: string): string {
  const [name = "", section = ""] = page.split(/[()]/);
  return `.BR ${text(name)} (${section})`;
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

const GLYPHS: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "-": "\\-",
  "^": "\\(ha",
  "~": "\\(ti",
  "`": "\\(ga",
  "'": "\\(aq",
};

/** Text that roff shows as it stands: glyphs of the typewriter's, and no word that would be a request at a line's start. */
export function text(plain: string): string {
  return plain.replace(/[\\^~`'-]/g, (glyph) => GLYPHS[glyph] ?? glyph).replace(/(^|\s)\./g, "$1\\&.");
}

function prose(plain: string): string {
  return wrapText(text(plain), SOURCE_COLUMNS).join("\n");
}

/** One argument of a macro. */
function quoted(plain: string): string {
  return `"${text(plain).replaceAll('"', "\\(dq")}"`;
}
