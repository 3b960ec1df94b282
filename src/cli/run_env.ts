// The command's environment: built, not inherited. PATH, HOME, USER, TERM, LANG, and what is asked for by name.
import { requestFault, usageFault } from "../base/fault.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import { SYSTEM_FOLDERS } from "../spec/host_view.ts";
import type { Parsed } from "./command.ts";

const SHOWN = [...SYSTEM_FOLDERS, "/run/current-system"];
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

type Lookups = Pick<HostLookups, "env" | "cwd" | "text">;
type Request = {
  readonly parsed: Parsed;
  readonly lookups: Lookups;
  readonly host: boolean;
  /** `NAME=VALUE` of the image. */
  readonly image?: readonly string[];
  readonly home: string;
  readonly user: string;
  readonly cwd: string;
};

/** `NAME=value` each; --env wins over --env-file, which wins over the image, which wins over what is built. */
export function buildEnvironment({ parsed, lookups, host, image = [], home, user, cwd }: Request): readonly string[] {
  const { PATH, LANG = "C.UTF-8", TERM } = lookups.env;
  const variables = new Map<string, string>();
  variables.set("PATH", host ? visiblePath(PATH ?? "", cwd) : DEFAULT_PATH);
  variables.set("HOME", home);
  variables.set("USER", user);
  variables.set("LANG", LANG);
  if (TERM !== undefined) variables.set("TERM", TERM);
  for (const text of image) assign(variables, text, lookups);
  for (const file of parsed.values.get("--env-file") ?? [])
    for (const line of lines(file, lookups)) assign(variables, line, lookups);
  for (const text of parsed.values.get("--env") ?? []) assign(variables, text, lookups);
  const list: string[] = [];
  for (const [name, value] of variables) list.push(`${name}=${value}`);
  return list;
}

// The caller's own PATH, less the folders that the sandbox does not show.
function visiblePath(path: string, cwd: string): string {
  const roots = [...SHOWN, cwd];
  let visible = "";
  for (const folder of path.split(":"))
    for (const root of roots) {
      if (!folder.startsWith(root) || (folder.length > root.length && folder[root.length] !== "/")) continue;
      visible += visible === "" ? folder : `:${folder}`;
      break;
    }
  return visible === "" ? DEFAULT_PATH : visible;
}

function lines(file: string, lookups: Lookups): readonly string[] {
  const text = lookups.text(file.startsWith("/") ? file : `${lookups.cwd}/${file}`);
  if (text === undefined) throw requestFault(`Cannot read ${file} (--env-file)`, "there is no such file");
  return text
    .split("\n")
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function assign(variables: Map<string, string>, text: string, lookups: Lookups): void {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  if (name === "" || /\s/.test(name))
    throw usageFault(`Cannot set ${JSON.stringify(text)}`, "it takes NAME=VALUE, or the NAME of a variable to pass on");
  const value = equals < 0 ? lookups.env[name] : text.slice(equals + 1);
  if (value !== undefined) variables.set(name, value);
}
