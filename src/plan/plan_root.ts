// The new root: a scratch tmpfs that nobody else sees, and in it the root file system itself. The scratch lies on top of
// `/`, where every machine has a mount point, and goes with the old root.
import type { Rootfs, Spec } from "../spec/spec.ts";
import type { Aim } from "./aim.ts";
import { MOUNT_ATTR, O } from "./constants.ts";
import type { PlanFacts } from "./facts.ts";
import { AT_FDCWD, attachAt, cloneTree, close, newFileSystem, setAttributes } from "./mount_steps.ts";
import type { Program } from "./program.ts";
import { flags, named, type Register } from "./step.ts";

type OverlayRootfs = Extract<Rootfs, { kind: "overlay" }>;

export type NewRoot = { readonly scratch: Register; readonly root: Register };

/** Makes and attaches scratch and root. Both registers hold descriptors of attached mounts. */
export function planRoot(program: Program, spec: Spec, facts: PlanFacts): NewRoot {
  // The modes below are what is meant, whatever the caller's mask; the command's own is set with its user.
  program.add({ kind: "root", what: "tmpfs", path: "/" }, "umask", [0]);
  const scratch = planScratch(program, spec);
  return { scratch, root: attachRoot(program, spec, facts, scratch) };
}

function planScratch(program: Program, spec: Spec): Register {
  const { rootfs } = spec.sandbox;
  const size = rootfs.kind !== "bind" && rootfs.size !== undefined ? [`size=${rootfs.size}`] : [];
  const aim: Aim = { kind: "root", what: "tmpfs", path: "/" };
  const scratch = newFileSystem(
    program,
    "scratch",
    aim,
    "tmpfs",
    ["mode=0755", ...size],
    ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV"],
  );
  attachAt(program, aim, scratch, AT_FDCWD, "/");
  for (const folder of ["root", "files", "empty"]) program.add(aim, "mkdirat", [scratch, folder, named(0o755, "0755")]);
  return scratch;
}

function attachRoot(program: Program, spec: Spec, facts: PlanFacts, scratch: Register): Register {
  const { rootfs } = spec.sandbox;
  switch (rootfs.kind) {
    case "tmpfs":
      return attachTmpfs(program, scratch);
    case "bind":
      return attachBind(program, spec, scratch);
    case "overlay":
      return attachOverlay(program, spec, facts, scratch, rootfs);
  }
}

// pivot_root(2) wants a mount as the new root: a folder of the scratch becomes one by being bound onto itself.
function attachTmpfs(program: Program, scratch: Register): Register {
  const aim: Aim = { kind: "root", what: "tmpfs", path: "/" };
  const root = cloneTree(program, "root", aim, scratch, "root", false);
  attachAt(program, aim, root, scratch, "root");
  return root;
}

function attachBind(program: Program, spec: Spec, scratch: Register): Register {
  const aim: Aim = { kind: "root", what: "bind", path: spec.root.path };
  const root = cloneTree(program, "root", aim, AT_FDCWD, spec.root.path, true);
  setAttributes(program, aim, root, { set: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV"], clearAtime: false });
  attachAt(program, aim, root, scratch, "root");
  return root;
}

// Lower and upper are bound into the scratch and named from there, relative to the working directory: whatever
// characters their paths have, there is nothing to escape, and fsconfig's limit of 256 bytes a value is never met. `userxattr`: in a
// user namespace overlayfs keeps its marks in user.* attributes (kernel, Documentation/filesystems/overlayfs).
function attachOverlay(
  program: Program,
  spec: Spec,
  facts: PlanFacts,
  scratch: Register,
  rootfs: OverlayRootfs,
): Register {
  const aim: Aim = { kind: "root", what: "overlay", path: spec.root.path };
  const lowers = bindLowers(program, scratch, rootfs.layers ?? [spec.root.path]);
  program.add(aim, "mkdirat", [scratch, "data", named(0o755, "0755")]);
  if (rootfs.upper !== undefined) bindUpper(program, scratch, rootfs.upper);
  else
    for (const folder of ["data/upper", "data/work"])
      program.add(aim, "mkdirat", [scratch, folder, named(0o755, "0755")]);
  program.add(aim, "fchdir", [scratch]);
  const data = ["upperdir=data/upper", "workdir=data/work", "userxattr"];
  if (lowers.length === 1) return attachNew(program, aim, scratch, [`lowerdir=${lowers[0]}`, ...data]);
  return facts.lowerdirAppends
    ? attachNew(program, aim, scratch, [...lowers.map((name) => `lowerdir+=${name}`), ...data])
    : stackLayers(program, aim, scratch, lowers, data);
}

function attachNew(program: Program, aim: Aim, scratch: Register, data: readonly string[]): Register {
  const root = newFileSystem(program, "root", aim, "overlay", data, ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV"]);
  attachAt(program, aim, root, scratch, "root");
  return root;
}

// The names of many layers are longer than one value of fsconfig(2) may be (256 bytes). `lowerdir+` takes them one by one, since
// Linux 6.5; before, mount(2) takes them all, whose options may fill a page.
function stackLayers(
  program: Program,
  aim: Aim,
  scratch: Register,
  lowers: readonly string[],
  data: readonly string[],
): Register {
  const options = [`lowerdir=${lowers.join(":")}`, ...data].join(",");
  program.add(aim, "mount", ["overlay", "root", "overlay", named(MS_NOSUID_NODEV, "MS_NOSUID|MS_NODEV"), options]);
  return program.let("root", aim, "openat", [scratch, "root", flags(O, "O_PATH", "O_DIRECTORY", "O_CLOEXEC"), 0]);
}

const MS_NOSUID_NODEV = 6;

/** Each layer as a folder of the scratch; the names, the topmost first. */
function bindLowers(program: Program, scratch: Register, layers: readonly string[]): readonly string[] {
  return layers.map((path, i) => {
    const aim: Aim = { kind: "root", what: "overlay", path };
    const name = layers.length === 1 ? "lower" : `l${i}`;
    const lower = cloneTree(program, "lower", aim, AT_FDCWD, path, false);
    program.add(aim, "mkdirat", [scratch, name, named(0o755, "0755")]);
    attachAt(program, aim, lower, scratch, name);
    close(program, aim, lower);
    return name;
  });
}

function bindUpper(program: Program, scratch: Register, upper: string): void {
  const aim: Aim = { kind: "root", what: "overlay", path: upper };
  const data = cloneTree(program, "upper", aim, AT_FDCWD, upper, false);
  attachAt(program, aim, data, scratch, "data");
  close(program, aim, data);
}

/**
 * pivot_root(2), "pivot_root(".", ".")": the old root comes to lie on the new one, and the scratch on the old root's own
 * `/` on top of both. Each is detached in its turn; what is left is the new root, and `/..` leads nowhere else.
 */
export function planPivot(program: Program, spec: Spec, { scratch, root }: NewRoot): void {
  const aim: Aim = { kind: "root", what: "pivot", path: "/" };
  if (spec.root.readonly) setReadonly(program, root);
  program.add(aim, "fchdir", [root]);
  program.add(aim, "pivot_root", [".", "."]);
  for (let i = 0; i < 2; i++) program.add(aim, "umount2", [".", named(2, "MNT_DETACH")]);
  program.add(aim, "chdir", ["/"]);
  close(program, aim, root, scratch);
}

function setReadonly(program: Program, root: Register): void {
  const aim: Aim = { kind: "readonly", path: "/" };
  const content = new Uint8Array(32);
  content[0] = MOUNT_ATTR.MOUNT_ATTR_RDONLY;
  program.add(aim, "mount_setattr", [
    root,
    "",
    flags({ AT_EMPTY_PATH: 0x1000 }, "AT_EMPTY_PATH"),
    { kind: "bytes", content, shown: "{MOUNT_ATTR_RDONLY}" },
    content.length,
  ]);
}
