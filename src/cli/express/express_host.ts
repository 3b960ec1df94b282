// The host's view on the short way: which of the system's folders there are, the working folder, the caller's ids.
import { findUser } from "../../host/passwd.ts";
import { readHostView } from "../../host/read_host_view.ts";
import type { HostLookups } from "../../spec/host_lookups.ts";
import { type HostView, SYSTEM_FOLDERS } from "../../spec/host_view.ts";
import type { Parsed } from "../command.ts";
import { buildEnvironment } from "../run_env.ts";
import { workingFolder } from "../working_folder.ts";
import type { Express } from "./express_run.ts";
import { PlanMemory } from "./plan_memory.ts";
import { PREBUILT } from "./prebuilt.ts";

/** devpts(5): the one group whose mapping changes what is mounted. */
const TTY_GROUP = 5;
const USUAL: Readonly<Record<string, readonly string[]>> = {
  "--rootfs": ["host"],
  "--userns": ["auto", "single", "keep-id"],
  "--net": ["none"],
};

/** `undefined` where the prebuilt plan does not fit the command line or the caller. */
export function expressHost(parsed: Parsed, lookups: HostLookups): Express | undefined {
  const { uid, gid, env } = lookups;
  const home = env.HOME;
  const plan = PREBUILT.host;
  if (plan === null || !isUsual(parsed) || uid === 0 || gid === TTY_GROUP || !isPlainHome(home)) return undefined;
  const folder = workingFolder(true, undefined, home, lookups);
  if (folder.notes.length > 0) return undefined;
  const memory = PlanMemory.map(plan);
  if (memory === undefined) return undefined;
  memory.fillText("uidMap", `${uid} ${uid} 1\n`);
  memory.fillText("gidMap", `${gid} ${gid} 1\n`);
  return {
    memory,
    cloneFlags: plan.cloneFlags,
    complete: (launch) => {
      const view = readHostView();
      if (!isPlainView(view)) return undefined;
      const pieces = fillView(memory, view);
      memory.fill("uid", uid);
      memory.fill("gid", gid);
      memory.fillText("home", home);
      memory.fillText("cwd", folder.cwd);
      for (const piece of pieces) memory.add(launch, piece);
      launch.release();
      const nofile = lookups.callerNofile();
      if (nofile === undefined) return undefined;
      memory.fillNumbers("nofile", [nofile.soft, nofile.hard]);
      const user = findUser(lookups.text("/etc/passwd") ?? "", uid)?.name ?? env.USER ?? String(uid);
      return {
        args: parsed.positionals,
        env: buildEnvironment({ parsed, lookups, host: true, home, user, cwd: folder.cwd }),
      };
    },
  };
}

function isUsual({ values }: Parsed): boolean {
  for (const [name, [value = ""]] of values) if (name !== "--env" && !USUAL[name]?.includes(value)) return false;
  return true;
}

function isPlainHome(home: string | undefined): home is string {
  if (home === undefined || home.length < 2 || home[0] !== "/" || home.endsWith("/")) return false;
  return !SYSTEM_FOLDERS.some((folder) => home === folder || home.startsWith(`${folder}/`));
}

function isPlainView({ entries, files }: HostView): boolean {
  for (const path of ["/tmp", "/run", "/home"]) if (entries.get(path)?.kind === "symlink") return false;
  if (entries.has("/nix") || files.get("/etc/mtab") === "/etc/mtab") return false;
  return files.has("/etc/resolv.conf") && files.has("/etc/hosts") && files.has("/etc/hostname");
}

/** The pieces that this host's folders take, in the order of hostRootMounts() (src/spec/root_mounts.ts). */
function fillView(memory: PlanMemory, { entries, files }: HostView): readonly string[] {
  const folders: string[] = [];
  const links: string[] = [];
  for (const path of SYSTEM_FOLDERS) {
    const entry = entries.get(path);
    if (entry?.kind === "directory") folders.push(`folder ${path}`);
    if (entry?.kind !== "symlink") continue;
    memory.fillText(`link ${path}`, entry.target);
    links.push(`link ${path}`);
  }
  for (const path of ["/etc/resolv.conf", "/etc/hosts", "/etc/hostname"]) memory.fillText(path, files.get(path) ?? "");
  return [...folders, "private", ...links, "home", "cwd", "files"];
}
