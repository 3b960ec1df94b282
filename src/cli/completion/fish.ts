// The command table → a completion script for fish.
import { type Command, type Flag, lastWord, type ValueHint, withVerbs } from "../command.ts";
import { GLOBAL_FLAGS } from "./global_flags.ts";
import { NAMES_COMMAND } from "./names_command.ts";
import { quoteFish } from "./quote.ts";

const SANDBOXES = "'(__sandbox_names)'";

/** A script of `complete` lines and the functions that they ask. */
export function fishCompletion(commands: readonly Command[]): string {
  const passed = commands.filter(({ passthrough }) => passthrough);
  return [
    "# fish completion of sandbox(1), written by `sandbox completion fish`",
    "",
    ENGINE.replace("@PASSTHROUGH@", passed.map(({ name }) => name).join(" ")).replace(
      "@VALUED@",
      [...new Set(passed.flatMap(({ flags }) => flags.flatMap(valuedWords)))].join(" "),
    ),
    "complete -c sandbox -f",
    ...GLOBAL_FLAGS.map(({ name, short, help }) =>
      line("not __sandbox_command", `-s ${short.slice(1)} -l ${name.slice(2)}`, help),
    ),
    ...commands.map(({ name, summary }) => line("not __sandbox_command", `-a ${name}`, summary)),
    ...withVerbs(commands).flatMap(commandLines),
    "",
  ].join("\n");
}

function valuedWords({ name, short, value }: Flag): readonly string[] {
  if (value === undefined) return [];
  return short ? [name, short] : [name];
}

function commandLines({ name, flags, positional, passthrough, verbs }: Command): readonly string[] {
  const condition = verbs ? `__sandbox_group ${name}` : `__sandbox_flags_of ${name}`;
  const rest = passthrough ? "'(__sandbox_complete_rest)'" : positionalWords(positional);
  return [
    ...(verbs ?? []).map((verb) => line(condition, `-a ${lastWord(verb.name)}`, verb.summary)),
    ...flags.map((flag) => line(condition, flagOptions(flag), flag.help)),
    ...(rest === "" ? [] : [`complete -c sandbox -n '__sandbox_command ${name}' -a ${rest}`]),
  ];
}

function positionalWords(hint: ValueHint | undefined): string {
  if (hint === "file") return "'(__fish_complete_path)'";
  if (hint === "sandbox") return SANDBOXES;
  return hint === undefined || typeof hint === "string" ? "" : quoteFish(hint.join(" "));
}

function flagOptions({ name, short, value, complete }: Flag): string {
  const names = `${short ? `-s ${short.slice(1)} ` : ""}-l ${name.slice(2)}`;
  return value === undefined ? names : `${names} ${valueOptions(complete)}`;
}

function valueOptions(hint: ValueHint | undefined): string {
  if (hint === undefined || hint === "none") return "-x";
  if (hint === "file") return "-r -F";
  if (hint === "directory") return "-x -a '(__fish_complete_directories)'";
  if (hint === "sandbox") return `-x -a ${SANDBOXES}`;
  return `-x -a ${quoteFish(hint.join(" "))}`;
}

function line(condition: string, options: string, help: string): string {
  return `complete -c sandbox -n ${quoteFish(condition)} ${options} -d ${quoteFish(help)}`;
}

const ENGINE = `# Is the command $argv, of one word or two (any, without an argument), on the command line?
function __sandbox_command
    set -l words (commandline -opc)
    set -q words[2]; or return 1
    not set -q argv[1]; or test "$words[2]" = "$argv[1]"; or return 1
    not set -q argv[2]; or test "$words[3]" = "$argv[2]"
end

# Is the group $argv[1] on the command line, and no verb of it yet?
function __sandbox_group
    set -l words (commandline -opc)
    __sandbox_command $argv[1]; and not set -q words[3]
end

# Prints the command that is run and its arguments; false before its first word.
function __sandbox_rest
    set -l valued @VALUED@
    set -l words (commandline -opc)
    set -e words[1..2]
    while set -q words[1]
        set -l word $words[1]
        switch $word
            case --
                set -e words[1]
                set -q words[1]; and printf '%s\\n' $words
                return 0
            case '--*'
                contains -- $word $valued; and set -e words[1]
            case '-?*'
                # The last letter of -itv takes the next word, unless one before takes the letters behind it.
                set -l letters (string split '' -- (string sub -s 2 -- $word))
                while set -q letters[2]; and not contains -- -$letters[1] $valued
                    set -e letters[1]
                end
                not set -q letters[2]; and contains -- -$letters[1] $valued; and set -e words[1]
            case '*'
                printf '%s\\n' $words
                return 0
        end
        set -e words[1]
    end
    return 1
end

# Are flags of the command $argv[1] to be completed here?
function __sandbox_flags_of
    __sandbox_command $argv; or return 1
    not contains -- "$argv" @PASSTHROUGH@; or not __sandbox_rest >/dev/null
end

# Prints the sandboxes that run.
function __sandbox_names
    type -q sandbox; and sandbox ${NAMES_COMMAND} 2>/dev/null
end

function __sandbox_complete_rest
    set -l words (__sandbox_rest)
    set -q words[1]; and set words (string escape -- $words)
    set -l text (string join ' ' -- $words (commandline -ct))
    complete "--do-complete=$text"
end
`;
