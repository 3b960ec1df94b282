// The command table → a completion script for zsh: to be sourced after compinit, or kept as _sandbox in $fpath.
import { type Command, type Flag, lastWord, type ValueHint } from "../command.ts";
import { GLOBAL_FLAGS } from "./global_flags.ts";
import { NAMES_COMMAND } from "./names_command.ts";
import { quote } from "./quote.ts";

/** Defines `_sandbox` and registers it. */
export function zshCompletion(commands: readonly Command[]): string {
  const globals = GLOBAL_FLAGS.flatMap(({ name, short, help }) =>
    [name, short].map((word) => `(- *)${word}[${bracketed(help)}]`),
  );
  return [
    "#compdef sandbox",
    "# zsh completion of sandbox(1), written by `sandbox completion zsh`",
    "",
    ...chooser("_sandbox", globals, commands),
    ...commands.flatMap(({ name, flags, verbs }) =>
      verbs ? chooser(`_sandbox_${name}`, flags.flatMap(flagSpecs), verbs) : [],
    ),
    "# The command that is run, by its own completion. A -- that stands first is taken for its name by _arguments.",
    "_sandbox_rest() {",
    "  if [[ $words[1] == -- ]]; then shift words; ((CURRENT--)); fi",
    "  _normal",
    "}",
    "",
    "# A program by its name, or by a path.",
    "_sandbox_program() {",
    "  if [[ $PREFIX == */* ]]; then _files -g '*(-*)'; else _command_names -e; fi",
    "}",
    "",
    // Autoloaded from $fpath, this file is the body of the function; sourced, it defines it.
    'if [[ $funcstack[1] == _sandbox ]]; then _sandbox "$@"; else compdef _sandbox sandbox; fi',
    "",
  ].join("\n");
}

/** A function that completes the name of one of `commands` or one of `first`, then what that command takes. */
function chooser(name: string, first: readonly string[], commands: readonly Command[]): readonly string[] {
  return [
    `${name}() {`,
    '  local curcontext="$curcontext" state line',
    // Not `commands`, which is the table of programs that zsh completes from (zsh/parameter).
    "  local -a verbs=(",
    ...commands.map((command) => `    ${quote(`${lastWord(command.name)}:${command.summary.replaceAll(":", "\\:")}`)}`),
    "  )",
    `  _arguments -C ${[...first, "1:command:->command", "*::argument:->argument"].map(quote).join(" ")}`,
    "  case $state in",
    "    command) _describe -t commands command verbs ;;",
    "    argument)",
    `      curcontext=\${curcontext%:*}-$line[1]:`,
    "      case $line[1] in",
    ...commands.map(commandCase),
    "      esac",
    "      ;;",
    "  esac",
    "}",
    "",
  ];
}

function commandCase({ name, flags, positional, passthrough, verbs, takes }: Command): string {
  if (verbs) return `        ${name}) _sandbox_${name} ;;`;
  const specs = [...flags.flatMap(flagSpecs), ...positionalSpecs(positional, passthrough, (takes?.most ?? 1) > 1)];
  const lines = specs.map((spec) => ` \\\n            ${quote(spec)}`);
  return `        ${lastWord(name)})\n          _arguments -s -S${lines.join("")}\n          ;;`;
}

// `+` takes the value from the same word or the next, and so does `=`; see _arguments in zshcompsys(1).
function flagSpecs({ name, short, value, help, repeat, complete }: Flag): readonly string[] {
  const taken = value === undefined ? "" : `:${value.replaceAll(":", "\\:")}:${action(complete)}`;
  const excluded = repeat ? "*" : short ? `(${short} ${name})` : "";
  const long = `${excluded}${name}${value === undefined ? "" : "="}[${bracketed(help)}]${taken}`;
  if (!short) return [long];
  return [`${excluded}${short}${value === undefined ? "" : "+"}[${bracketed(help)}]${taken}`, long];
}

function positionalSpecs(positional: ValueHint | undefined, passthrough: boolean, several: boolean): readonly string[] {
  if (passthrough) return ["(-)1:command:_sandbox_program", "*::argument:_sandbox_rest"];
  return positional === undefined ? [] : [`${several ? "*" : "1"}:argument:${action(positional)}`];
}

function action(hint: ValueHint | undefined): string {
  if (hint === undefined || hint === "none") return " ";
  if (hint === "file") return "_files";
  if (hint === "directory") return "_files -/";
  if (hint === "sandbox") return `{compadd -- \${(f)"$(sandbox ${NAMES_COMMAND} 2>/dev/null)"}}`;
  return `(${hint.join(" ")})`;
}

function bracketed(help: string): string {
  return help.replace(/[[\]]/g, "\\$&");
}
