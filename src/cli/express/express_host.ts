// The host's view on the short way: which of the system's folders there are, the working folder, the caller's ids.
import { linkPlace } from "../../host/read_host_view.ts";
import { OWN_FILES, SYSTEM_FOLDERS } from "../../spec/host_view.ts";
import type { Parsed } from "../command.ts";
import { buildEnvironment } from "../run_env.ts";
import { whyNotShown } from "../working_folder.ts";
import { fillPingGroups, fillResolver, networkOf } from "./express_network.ts";
import type { Express } from "./express_run.ts";
import { LINK_BYTES } from "./look_sizes.ts";
import { PlanMemory } from "./plan_memory.ts";
import { PREBUILT } from "./prebuilt.ts";
import { takeLimit } from "./take_limit.ts";

/** devpts(5): the one group whose mapping changes what is mounted. */
const TTY_GROUP = 5;
const USUAL: Readonly<Record<string, readonly string[]>> = {
  "--rootfs": ["host"],
  "--userns": ["auto", "single", "keep-id"],
  "--net": ["slirp", "none"],
};
const [S_IFMT, S_IFDIR] = [0o170000, 0o040000];
/** struct statx: the mode is a 16-bit word at 28. */
const MODE_OFFSET = 28;

/** `undefined` where the prebuilt plan does not fit the command line or the caller. */
export function expressHost(parsed: Parsed, env: NodeJS.ProcessEnv): Express | undefined {
  const plan = PREBUILT.host;
  const { HOME: home, USER: user } = env;
  const network = networkOf(parsed);
  if (plan === null || user === undefined || network === undefined || !isUsual(parsed) || !isPlainHome(home))
    return undefined;
  const memory = PlanMemory.map(plan);
  if (memory === undefined) return undefined;
  const complete = (): readonly string[] | undefined => {
    memory.perform("look");
    if (!isPlainHost(memory)) return undefined;
    const cwd = memory.textIn("cwd", memory.result("cwd") - 1);
    if (whyNotShown(cwd, home) !== undefined || !fillResolver(memory, network)) return undefined;
    fillIds(memory);
    memory.add("ids");
    if (network === "slirp") {
      fillPingGroups(memory, memory.result("gid"), memory.result("gid"));
      memory.add("permissions");
    }
    memory.add("begin");
    addFolders(memory);
    memory.release();
    memory.fillText("home", home);
    for (const piece of ["home", "cwd", "files"]) memory.add(piece);
    return buildEnvironment({ parsed, lookups: { env, cwd, text: () => undefined }, host: true, home, user, cwd });
  };
  return { memory, network, complete };
}

function isUsual({ values }: Parsed): boolean {
  for (const [name, [value = ""]] of values) if (name !== "--env" && !USUAL[name]?.includes(value)) return false;
  return true;
}

function isPlainHome(home: string | undefined): home is string {
  if (home === undefined || home.length < 2 || home[0] !== "/" || home.endsWith("/")) return false;
  for (const folder of SYSTEM_FOLDERS) if (home.startsWith(folder)) return false;
  return true;
}

/** An ordinary user, and a host whose folders are where the prebuilt plan has them. */
function isPlainHost(memory: PlanMemory): boolean {
  if (memory.result("uid") === 0 || memory.result("gid") === TTY_GROUP || memory.result("cwd") <= 0) return false;
  if (!takeLimit(memory)) return false;
  for (const path of ["/tmp", "/run", "/home"]) if (memory.result(`link ${path}`) >= 0) return false;
  if (memory.result("status /nix") === 0) return false;
  return areFilesPlain(memory);
}

/** The files of our own are mounted where the host has them, be it behind a link. /etc/mtab is a link, or not there. */
function areFilesPlain(memory: PlanMemory): boolean {
  for (const path of OWN_FILES) {
    const length = memory.result(`link ${path}`);
    if (path === "/etc/mtab") {
      if (length < 0 && memory.result("status /etc/mtab") === 0) return false;
    } else if (length >= LINK_BYTES || memory.result(`status ${path}`) !== 0) return false;
    else if (length >= 0) memory.fillText(path, linkPlace(memory.textIn(`link ${path}`, length)));
  }
  return true;
}

function fillIds(memory: PlanMemory): void {
  for (const kind of ["uid", "gid"] as const) {
    const id = memory.result(kind);
    const map = `${id} ${id} 1\n`;
    memory.fill(kind, id);
    memory.fillText(`${kind}Map`, map);
    memory.fill(`${kind}Map length`, map.length);
  }
}

/** In the order of hostRootMounts() (src/spec/root_mounts.ts): folders, private ones, links. */
function addFolders(memory: PlanMemory): void {
  const links: string[] = [];
  const looks = memory.results(`link ${SYSTEM_FOLDERS[0]}`, SYSTEM_FOLDERS.length * 2);
  for (const [i, path] of SYSTEM_FOLDERS.entries()) {
    const [link = -1, status = -1] = [looks[i * 2], looks[i * 2 + 1]];
    if (link >= 0) links.push(`link ${path}`);
    else if (status === 0 && (memory.word(`status ${path}`, MODE_OFFSET) & S_IFMT) === S_IFDIR)
      memory.add(`folder ${path}`);
  }
  memory.add("private");
  for (const link of links) memory.add(link);
}
