// The command table → a completion script for bash. It needs nothing but bash; where the package bash-completion is
// loaded, the command that `sandbox run` runs is completed by that command's own completion.
import { type Command, type Flag, lastWord, type ValueHint, withVerbs } from "../command.ts";
import { GLOBAL_FLAGS } from "./global_flags.ts";
import { NAMES_COMMAND } from "./names_command.ts";
import { quote } from "./quote.ts";

/** Defines `_sandbox` and registers it. */
export function bashCompletion(commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name);
  const first = [...names, ...GLOBAL_FLAGS.map(({ name }) => name)];
  return [
    "# bash completion of sandbox(1), written by `sandbox completion bash`",
    TABLE_HEAD,
    ...withVerbs(commands).map(commandCase),
    "  esac",
    "}",
    ENGINE.replace("@FIRST@", first.map(quote).join(" ")).replace("@NAMES@", NAMES_COMMAND),
  ].join("\n");
}

const TABLE_HEAD = `
# Fills the caller's flags, hints (what the value of a flag is), positional, passthrough and verbs.
_sandbox_table() {
  case $1 in`;

function commandCase({ name, flags, positional, passthrough, verbs }: Command): string {
  const words = flags.flatMap((flag) => [flag.name, ...(flag.short ? [flag.short] : [])]);
  return [
    `    ${quote(name)})`,
    `      flags=(${words.map(quote).join(" ")})`,
    `      hints=(${flags.flatMap(hintEntries).join(" ")})`,
    `      positional=${quote(hintText(positional))}`,
    ...(passthrough ? ["      passthrough=yes"] : []),
    ...(verbs ? [`      verbs=(${verbs.map((verb) => quote(lastWord(verb.name))).join(" ")})`] : []),
    "      ;;",
  ].join("\n");
}

function hintEntries({ name, short, value, complete }: Flag): readonly string[] {
  if (value === undefined) return [];
  return [name, ...(short ? [short] : [])].map((word) => `[${word}]=${quote(hintText(complete))}`);
}

function hintText(hint: ValueHint | undefined): string {
  if (hint === undefined) return "none";
  return typeof hint === "string" ? hint : `list ${hint.join(" ")}`;
}

// $2 is what readline is going to replace: the part of the word behind the last = or :, as both are in COMP_WORDBREAKS.
const ENGINE = `
# Adds those of the words $3... that go on from $2, each behind $1.
_sandbox_list() {
  local before=$1 part=$2 word
  shift 2
  for word; do
    [[ $word == "$part"* ]] && COMPREPLY+=("$before$word")
  done
}

# Adds what the hint $1 means for the text $3, each behind $2.
_sandbox_hint() {
  local hint=$1 before=$2 part=$3 word kind=-f
  case $hint in
    list\\ *)
      read -ra hint <<<"$hint"
      _sandbox_list "$before" "$part" "\${hint[@]:1}"
      ;;
    sandbox)
      _sandbox_list "$before" "$part" $(sandbox @NAMES@ 2>/dev/null)
      ;;
    file | directory)
      [[ $hint == directory ]] && kind=-d
      [[ $part == *:* ]] && before+=\${part%:*}: part=\${part##*:}
      compopt -o filenames 2>/dev/null
      while IFS= read -r word; do
        COMPREPLY+=("$before$word")
      done < <(compgen "$kind" -- "$part")
      ;;
  esac
}

# Completes the command that is run, whose name is the word COMP_WORDS[$1]; $2 is the text to complete.
_sandbox_passthrough() {
  local offset=$1 part=$2 helper
  for helper in _comp_command_offset _command_offset; do
    if declare -F "$helper" >/dev/null; then
      "$helper" "$offset"
      return
    fi
  done
  if ((offset == COMP_CWORD)) && [[ $part != */* ]]; then
    mapfile -t COMPREPLY < <(compgen -c -- "$part")
  else
    _sandbox_hint file '' "$part"
  fi
}

_sandbox() {
  local -a words=() starts=() flags=() verbs=()
  local -A hints=()
  local i j from=2 word flag='' positional=none passthrough='' cur last begun=''
  # Words are put together again where bash has split them at = or :, which no blank shows.
  local line="\${COMP_WORDS[*]:0:COMP_CWORD+1}"
  [[ -n \${COMP_LINE-} ]] && line=\${COMP_LINE:0:COMP_POINT}
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((i == 0)) || [[ -z $line || $line == [[:blank:]]* ]]; then
      line=\${line#"\${line%%[![:blank:]]*}"}
      words+=('') starts+=("$i")
    fi
    ((i == COMP_CWORD)) && [[ -n \${COMP_LINE-} ]] && word=$line
    words[-1]+=$word
    line=\${line#"$word"}
  done
  COMPREPLY=()
  last=$((\${#words[@]} - 1))
  cur=\${words[last]#[\\"\\']}
  if ((last <= 1)); then
    _sandbox_list '' "$cur" @FIRST@
    return
  fi

  _sandbox_table "\${words[1]}"
  if ((\${#verbs[@]})); then
    if ((last == 2)); then
      _sandbox_list '' "$cur" "\${verbs[@]}" "\${flags[@]}"
      return
    fi
    flags=() hints=() from=3
    _sandbox_table "\${words[1]} \${words[2]}"
  fi
  for ((i = from; i < last; i++)); do
    word=\${words[i]}
    case $word in
      --)
        begun=yes
        ((i++))
        break
        ;;
      --*)
        if [[ -n \${hints[$word]+set} ]]; then
          flag=$word
          ((i++))
        fi
        ;;
      -?*)
        for ((j = 1; j < \${#word}; j++)); do
          flag=-\${word:j:1}
          [[ -n \${hints[$flag]+set} ]] || continue
          ((j + 1 == \${#word})) && ((i++))
          break
        done
        ;;
      *)
        [[ -n $passthrough ]] && break
        ;;
    esac
  done

  if ((i > last)); then
    _sandbox_hint "\${hints[$flag]}" '' "$cur"
  elif ((i < last)) || [[ -n $begun || $cur != -* ]]; then
    if [[ -n $passthrough ]]; then
      _sandbox_passthrough "\${starts[i]}" "$cur"
      return
    fi
    _sandbox_hint "$positional" '' "$cur"
  elif [[ $cur == --*=* ]]; then
    flag=\${cur%%=*}
    _sandbox_hint "\${hints[$flag]-none}" "$flag=" "\${cur#*=}"
  else
    _sandbox_list '' "$cur" "\${flags[@]}"
  fi

  # Readline keeps what stands before the part that it replaces.
  local kept=\${cur%"\${2-}"}
  [[ -n $kept && $cur == *"\${2-}" ]] && COMPREPLY=("\${COMPREPLY[@]#"$kept"}")
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *[=,] ]] && compopt -o nospace 2>/dev/null
  return 0
}

complete -F _sandbox sandbox
`;
