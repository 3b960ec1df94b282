// The command's environment: built, not inherited. PATH, HOME, USER, TERM, LANG, and what is asked for by name.
import { requestFault, usageFault } from "../base/fault.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import { SYSTEM_FOLDERS } from "../spec/host_view.ts";
import type { Parsed } from "./command.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

type Request = {
  readonly parsed: Parsed;
  readonly lookups: HostLookups;
  readonly host: boolean;
  readonly home: string;
  readonly user: string;
  readonly cwd: string;
};

/** `NAME=value` each; --env wins over --env-file, which wins over what is built. */
export function buildEnvironment({ parsed, lookups, host, home, user, cwd }: Request): readonly string[] {
  const variables = new Map<string, string>([
    ["PATH", host ? visiblePath(lookups.env.PATH, cwd) : DEFAULT_PATH],
    ["HOME", home],
    ["USER", user],
    ["LANG", lookups.env.LANG ?? "C.UTF-8"],
  ]);
  if (lookups.env.TERM !== undefined) variables.set("TERM", lookups.env.TERM);
  for (const file of parsed.values.get("--env-file") ?? [])
    for (const line of lines(file, lookups)) assign(variables, line, lookups);
  for (const text of parsed.values.get("--env") ?? []) assign(variables, text, lookups);
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

// The caller's own PATH, less the folders that the sandbox does not show.
function visiblePath(path: string | undefined, cwd: string): string {
  const roots = [...SYSTEM_FOLDERS, "/run/current-system", cwd];
  const folders = (path ?? "")
    .split(":")
    .filter((folder) => roots.some((root) => folder === root || folder.startsWith(`${root}/`)));
  return folders.length > 0 ? folders.join(":") : DEFAULT_PATH;
}

function lines(file: string, lookups: HostLookups): readonly string[] {
  const text = lookups.text(file.startsWith("/") ? file : `${lookups.cwd}/${file}`);
  if (text === undefined) throw requestFault(`Cannot read ${file} (--env-file)`, "there is no such file");
  return text
    .split("\n")
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function assign(variables: Map<string, string>, text: string, lookups: HostLookups): void {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  if (name === "" || /\s/.test(name))
    throw usageFault(`Cannot set ${JSON.stringify(text)}`, "it takes NAME=VALUE, or the NAME of a variable to pass on");
  const value = equals < 0 ? lookups.env[name] : text.slice(equals + 1);
  if (value !== undefined) variables.set(name, value);
}
