// --volume, --mount, --tmpfs, --device and --file → the Spec's mounts.
import { usageFault } from "../../base/fault.ts";
import { isMountOption } from "../../plan/mount_options.ts";
import type { Mount, MountType } from "../../spec/spec.ts";
import { bad, parseInsidePath, parseSize } from "./values.ts";

const TYPES = ["bind", "tmpfs", "overlay", "proc", "sysfs", "mqueue", "devpts"] as const satisfies readonly MountType[];
const FLAG_KEYS = [
  "ro",
  "readonly",
  "rw",
  "try",
  "nosuid",
  "nodev",
  "noexec",
  "suid",
  "dev",
  "exec",
  "bind",
  "rbind",
  "nosymfollow",
];
const SAFE = ["nosuid", "nodev"] as const;

/** `SRC:DST[:OPT,...]`; `hostPath` makes SRC absolute. */
export function parseVolume(text: string, hostPath: (path: string) => string): Mount {
  const [source = "", destination = source, options = "", ...rest] = text.split(":");
  if (source === "" || destination === "" || rest.length > 0)
    throw bad("--volume", text, "SRC:DST[:OPT,...]; a path with a colon goes into --mount type=bind,src=,dst=");
  const list = options === "" ? [] : options.split(",");
  const unknown = list.find((option) => !isMountOption(option));
  if (unknown !== undefined)
    throw usageFault(
      `Cannot use --volume ${JSON.stringify(text)}`,
      `no mount option is called ${JSON.stringify(unknown)}`,
    );
  return {
    type: "bind",
    source: hostPath(source),
    destination: parseInsidePath("--volume", destination),
    options: [...SAFE, ...list],
  };
}

/** `type=bind,src=,dst=,ro,...`, as docker's and podman's --mount. */
export function parseMount(text: string, hostPath: (path: string) => string): Mount {
  const fields = new Map<string, string>();
  const options: string[] = [];
  for (const item of text.split(",")) {
    const [key = "", value] = splitOnce(item, "=");
    if (value === undefined && !FLAG_KEYS.includes(key) && !isMountOption(key))
      throw bad("--mount", text, `fields that are known; ${JSON.stringify(key)} is not`);
    if (value === undefined) options.push(key);
    else if (key === "propagation" || key === "bind-propagation") options.push(propagation(text, value));
    else if (isSwitch(key)) options.push(...switched(text, key, value));
    else fields.set(ALIASES.get(key) ?? key, value);
  }
  const type = TYPES.find((known) => known === (fields.get("type") ?? "bind"));
  const destination = fields.get("dst");
  if (!type) throw bad("--mount", text, `a type of ${TYPES.join(", ")}`);
  if (destination === undefined) throw bad("--mount", text, "dst=PATH");
  return {
    type,
    destination: parseInsidePath("--mount", destination),
    ...details(text, type, fields, options, hostPath),
  };
}

const ALIASES: ReadonlyMap<string, string> = new Map([
  ["source", "src"],
  ["destination", "dst"],
  ["target", "dst"],
  ["tmpfs-size", "size"],
  ["tmpfs-mode", "mode"],
]);

function isSwitch(key: string): boolean {
  return FLAG_KEYS.includes(key);
}

// What `key=false` asks for; of the others, the absence.
const OPPOSITES: ReadonlyMap<string, string> = new Map([
  ["ro", "rw"],
  ["readonly", "rw"],
  ["rw", "ro"],
  ["nosuid", "suid"],
  ["suid", "nosuid"],
  ["nodev", "dev"],
  ["dev", "nodev"],
  ["noexec", "exec"],
  ["exec", "noexec"],
  ["bind", "rbind"],
  ["rbind", "bind"],
]);

function switched(text: string, key: string, value: string): readonly string[] {
  if (value === "true" || value === "1") return [key];
  if (value !== "false" && value !== "0") throw bad("--mount", text, `${key}=true or ${key}=false`);
  const opposite = OPPOSITES.get(key);
  return opposite === undefined ? [] : [opposite];
}

function propagation(text: string, value: string): string {
  if (!/^r?(private|shared|slave|unbindable)$/.test(value))
    throw bad("--mount", text, "a propagation of [r]private, [r]slave, [r]shared or [r]unbindable");
  return value;
}

const FIELDS: Readonly<Record<(typeof TYPES)[number], readonly string[]>> = {
  bind: ["src"],
  tmpfs: ["size", "mode", "nr_inodes", "uid", "gid"],
  overlay: ["lowerdir", "upperdir", "workdir"],
  proc: [],
  sysfs: [],
  mqueue: [],
  devpts: ["mode", "ptmxmode", "gid"],
};

function details(
  text: string,
  type: (typeof TYPES)[number],
  fields: ReadonlyMap<string, string>,
  options: readonly string[],
  hostPath: (path: string) => string,
): Pick<Mount, "source" | "options"> {
  const data: string[] = [];
  for (const [key, value] of fields) {
    if (key === "type" || key === "dst" || key === "src") continue;
    if (!FIELDS[type].includes(key)) throw bad("--mount", text, `no ${key}= for type=${type}`);
    data.push(`${key}=${fieldValue(text, key, value, hostPath)}`);
  }
  const source = fields.get("src");
  if (type !== "bind") {
    if (source !== undefined) throw bad("--mount", text, `no src= for type=${type}`);
    return { options: [...SAFE, ...(type === "overlay" ? ["userxattr"] : []), ...options, ...data] };
  }
  if (source === undefined || source === "") throw bad("--mount", text, "src=PATH for type=bind");
  return { source: hostPath(source), options: [...SAFE, ...options] };
}

function fieldValue(text: string, key: string, value: string, hostPath: (path: string) => string): string {
  if (key === "size") return String(parseSize("--mount size", value));
  if (key === "lowerdir") return value.split(":").map(hostPath).join(":");
  if (key === "upperdir" || key === "workdir") return hostPath(value);
  const octal = key === "mode" || key === "ptmxmode";
  if (!(octal ? MODE : /^\d{1,10}$/).test(value))
    throw bad("--mount", text, octal ? `an octal ${key} such as 0755` : `a whole number for ${key}`);
  return value;
}

const MODE = /^[0-7]{3,4}$/;

/** `DST[:OPT,...]` with size=, mode= and mount options. */
export function parseTmpfs(text: string): Mount {
  const [destination = "", options = ""] = splitOnce(text, ":");
  const list = options === "" ? [] : options.split(",");
  const data = list.map((option) => {
    const [key, value] = splitOnce(option, "=");
    if (value === undefined && isMountOption(option)) return option;
    if (key === "size" && value !== undefined) return `size=${parseSize("--tmpfs size", value)}`;
    if (key === "mode" && value !== undefined && MODE.test(value)) return option;
    throw bad("--tmpfs", text, "DST[:size=SIZE,mode=MODE,ro,noexec,...]");
  });
  return {
    type: "tmpfs",
    destination: parseInsidePath("--tmpfs", destination),
    options: [...SAFE, "mode=1777", ...data],
  };
}

/** `PATH[:DST]`: the device node, usable as its own permissions allow. */
export function parseDevice(text: string): Mount {
  const [source = "", destination = source, ...rest] = text.split(":");
  const path = parseInsidePath("--device", source);
  if (!path.startsWith("/dev/") || rest.length > 0) throw bad("--device", text, "PATH[:DST], a path below /dev");
  return {
    type: "bind",
    source: path,
    destination: parseInsidePath("--device", destination),
    options: ["nosuid", "noexec", "dev"],
  };
}

/** `SRC:DST`: source and destination of a file whose content is copied in. */
export function parseFile(
  text: string,
  hostPath: (path: string) => string,
): { readonly source: string; readonly destination: string } {
  const [source = "", destination] = splitOnce(text, ":");
  if (source === "" || destination === undefined) throw bad("--file", text, "SRC:DST");
  return { source: hostPath(source), destination: parseInsidePath("--file", destination) };
}

function splitOnce(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
