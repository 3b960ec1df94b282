// The mount interface by descriptors (open_tree(2), fsopen(2), mount_setattr(2), move_mount(2)): the small phrases that
// the mount planner is written in. A destination is resolved by openat2 with RESOLVE_IN_ROOT, so a symbolic link of a hostile image leads nowhere
// but to a place inside of its own root (CVE-2019-16884, CVE-2023-27561).
import { struct } from "../../ffi/struct.ts";
import type { Aim } from "./aim.ts";
import {
  AT,
  FSCONFIG,
  MOUNT_ATTR,
  MOUNT_ATTR__ATIME,
  MOVE_MOUNT,
  O,
  OPEN_TREE,
  PROPAGATION,
  RESOLVE,
} from "./constants.ts";
import type { MountOptions } from "./mount_options.ts";
import type { Program, Tolerance } from "./program.ts";
import { type Argument, type Bytes, flags, named, type Register } from "./step.ts";

export const AT_FDCWD = named(-100, "AT_FDCWD");
const mountAttr = struct({ attr_set: "u64", attr_clr: "u64", propagation: "u64", userns_fd: "u64" });
const openHow = struct({ flags: "u64", mode: "u64", resolve: "u64" });
// Made once: a plan uses each of these some twenty times.
const PLACE = flags(O, "O_PATH", "O_CLOEXEC");
const CLONE_ONE = flags(OPEN_TREE, "OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC");
const CLONE_HOW = [
  CLONE_ONE,
  flags(OPEN_TREE, "OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", "AT_RECURSIVE"),
  flags(OPEN_TREE, "OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", "AT_EMPTY_PATH"),
  flags(OPEN_TREE, "OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", "AT_RECURSIVE", "AT_EMPTY_PATH"),
];
const FROM_EMPTY = flags(MOVE_MOUNT, "MOVE_MOUNT_F_EMPTY_PATH");
const BOTH_EMPTY = flags(MOVE_MOUNT, "MOVE_MOUNT_F_EMPTY_PATH", "MOVE_MOUNT_T_EMPTY_PATH");
const AT_EMPTY = flags(AT, "AT_EMPTY_PATH");
const AT_EMPTY_RECURSIVE = flags(AT, "AT_EMPTY_PATH", "AT_RECURSIVE");
const AS_FOLDER = named(0, "directory");
const AS_FILE = named(1, "file");
const attributeBytes = new Map<string, Bytes>();

const IN_ROOT = RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_MAGICLINKS;
const PLACE_HOW: Bytes = {
  kind: "bytes",
  content: openHow.encode({ flags: PLACE.value, resolve: IN_ROOT }),
  shown: `{${PLACE.shown}, RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}`,
};

/** An O_PATH descriptor of what is at `path` in `root`; magic links are refused. */
export function openInRoot(
  program: Program,
  name: string,
  aim: Aim,
  root: Register,
  path: string,
  options: Tolerance = {},
): Register {
  return program.let(name, aim, "openat2", [root, path, PLACE_HOW, openHow.size], options);
}

export function close(program: Program, aim: Aim, ...registers: readonly Register[]): void {
  for (const register of registers) program.add(aim, "close", [register]);
}

/** A new, unattached file system: fsopen, fsconfig, fsmount. `attributes` are those of the mount. */
export function newFileSystem(
  program: Program,
  name: string,
  aim: Aim,
  type: string,
  data: readonly string[],
  attributes: readonly (keyof typeof MOUNT_ATTR)[],
): Register {
  const context = program.let("fs", aim, "fsopen", [type, named(1, "FSOPEN_CLOEXEC")]);
  for (const item of data) configure(program, aim, context, item);
  program.add(aim, "fsconfig", [context, named(FSCONFIG.FSCONFIG_CMD_CREATE, "FSCONFIG_CMD_CREATE"), 0, 0, 0]);
  const mount = program.let(name, aim, "fsmount", [
    context,
    named(1, "FSMOUNT_CLOEXEC"),
    flags(MOUNT_ATTR, ...attributes),
  ]);
  close(program, aim, context);
  return mount;
}

function configure(program: Program, aim: Aim, context: Register, item: string): void {
  const equals = item.indexOf("=");
  if (equals < 0) {
    program.add(aim, "fsconfig", [context, named(FSCONFIG.FSCONFIG_SET_FLAG, "FSCONFIG_SET_FLAG"), item, 0, 0]);
    return;
  }
  const [key, value] = [item.slice(0, equals), item.slice(equals + 1)];
  program.add(aim, "fsconfig", [context, named(FSCONFIG.FSCONFIG_SET_STRING, "FSCONFIG_SET_STRING"), key, value, 0]);
}

/** A detached copy of the mount at `path` (of `at`; `at` itself where `path` is empty), with everything mounted below it where `recursive`. */
export function cloneTree(
  program: Program,
  name: string,
  aim: Aim,
  at: Argument,
  path: string,
  recursive: boolean,
  options: Tolerance = {},
): Register {
  const how = CLONE_HOW[(recursive ? 1 : 0) + (path === "" ? 2 : 0)] ?? CLONE_ONE;
  return program.let(name, aim, "open_tree", [at, path, how], options);
}

/** Sets attributes on a detached mount and all below it, and its propagation; nothing is ever cleared but the atime mode. */
export function setAttributes(
  program: Program,
  aim: Aim,
  mount: Register,
  { set, clearAtime, propagation }: Pick<MountOptions, "set" | "clearAtime" | "propagation">,
  options: Tolerance = {},
): void {
  const kind = propagation?.type ?? "MS_PRIVATE";
  if (propagation?.recursive ?? true)
    return setAttr(program, aim, mount, { recursive: true, set, clearAtime, kind }, options);
  if (set.length > 0) setAttr(program, aim, mount, { recursive: true, set, clearAtime }, options);
  setAttr(program, aim, mount, { recursive: false, set: [], clearAtime: false, kind }, options);
}

type Attributes = {
  readonly recursive: boolean;
  readonly set: MountOptions["set"];
  readonly clearAtime: boolean;
  readonly kind?: keyof typeof PROPAGATION;
};

function setAttr(
  program: Program,
  aim: Aim,
  mount: Register,
  { recursive, set, clearAtime, kind }: Attributes,
  options: Tolerance,
): void {
  const how = recursive ? AT_EMPTY_RECURSIVE : AT_EMPTY;
  const attributes = mountAttributes(set, clearAtime, kind);
  program.add(aim, "mount_setattr", [mount, "", how, attributes, mountAttr.size], options);
}

/** struct mount_attr; the same one for the same attributes. */
function mountAttributes(set: Attributes["set"], clearAtime: boolean, kind: Attributes["kind"]): Bytes {
  const shown = `{${[...set, ...(kind ? [kind] : [])].join("|")}}`;
  const known = attributeBytes.get(shown);
  if (known) return known;
  const content = mountAttr.encode({
    attr_set: flags(MOUNT_ATTR, ...set).value,
    attr_clr: clearAtime ? MOUNT_ATTR__ATIME : 0,
    propagation: kind ? PROPAGATION[kind] : 0,
  });
  const bytes: Bytes = { kind: "bytes", content, shown };
  attributeBytes.set(shown, bytes);
  return bytes;
}

/** Attaches a detached mount on the place that `target` is a descriptor of. */
export function attach(program: Program, aim: Aim, mount: Register, target: Register, options: Tolerance = {}): void {
  program.add(aim, "move_mount", [mount, "", target, "", BOTH_EMPTY], options);
}

/** Attaches a detached mount on `path` below `at`: for places that we have made ourselves. */
export function attachAt(program: Program, aim: Aim, mount: Register, at: Argument, path: string): void {
  program.add(aim, "move_mount", [mount, "", at, path, FROM_EMPTY]);
}

/** A destination inside `root`, made where it is missing: a folder, or an empty file. Parents have mode 0755. */
export function placeIn(
  program: Program,
  name: string,
  aim: Aim,
  root: Register,
  destination: string,
  kind: "directory" | "file",
  options: Tolerance = {},
): Register {
  return program.let(name, aim, "place", [root, destination, kind === "file" ? AS_FILE : AS_FOLDER], options);
}
