// The Spec's mounts as steps, in their order, with devices (runtime-spec, "Default Devices"); masked and read-only paths as
// soon as the last mount that lies over them is there.
import type { Mount, Spec } from "../spec/spec.ts";
import type { Aim } from "./aim.ts";
import { O } from "./constants.ts";
import type { PlanFacts } from "./facts.ts";
import { mountOptions } from "./mount_options.ts";
import {
  AT_FDCWD,
  attach,
  attachAt,
  cloneTree,
  close,
  newFileSystem,
  openInRoot,
  placeIn,
  setAttributes,
} from "./mount_steps.ts";
import type { NewRoot } from "./plan_root.ts";
import type { Program, Tolerance } from "./program.ts";
import { flags, named, type Register } from "./step.ts";

const DEVICES = ["null", "zero", "full", "random", "urandom", "tty"] as const;
const LINKS = [
  ["/proc/self/fd", "fd"],
  ["/proc/self/fd/0", "stdin"],
  ["/proc/self/fd/1", "stdout"],
  ["/proc/self/fd/2", "stderr"],
  ["pts/ptmx", "ptmx"],
] as const;

const SEALED = ["MOUNT_ATTR_RDONLY", "MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV", "MOUNT_ATTR_NOEXEC"] as const;

/** What one call transfers at most, sendfile(2). */
const MOST_BYTES = 0x7ffff000;

type Context = {
  readonly program: Program;
  readonly facts: PlanFacts;
  readonly place: NewRoot;
};

export function planMounts(program: Program, spec: Spec, facts: PlanFacts, place: NewRoot): void {
  const context: Context = { program, facts, place };
  const { readonlyPaths, maskedPaths } = spec.linux;
  const last = (paths: readonly string[]): readonly number[] => paths.map((path) => lastOver(spec.mounts, path));
  const [readonlyAfter, maskedAfter] = [last(readonlyPaths), last(maskedPaths)];
  const seal = (index: number): void => {
    readonlyPaths.forEach((path, i) => {
      if (readonlyAfter[i] === index) planReadonly(context, path);
    });
    maskedPaths.forEach((path, i) => {
      if (maskedAfter[i] === index) planMask(context, path);
    });
  };
  planCovers(context);
  seal(-1);
  let files = 0;
  spec.mounts.forEach((mount, index) => {
    if (mount.type === "data") planData(context, mount, `files/${files++}`);
    else planMount(context, mount);
    seal(index);
  });
}

/** The last mount on `path` or above it; -1 where the root file system itself has it. */
function lastOver(mounts: readonly Mount[], path: string): number {
  return mounts.findLastIndex(
    ({ destination }) =>
      path.startsWith(destination) && (path.length === destination.length || path[destination.length] === "/"),
  );
}

function planMount(context: Context, mount: Mount): void {
  switch (mount.type) {
    case "bind":
      return planBind(context, mount);
    case "symlink":
      return planSymlink(context, mount);
    case "directory":
      return planDirectory(context, mount);
    case "data":
      throw new Error("planData places data");
    case "tmpfs":
    case "overlay":
    case "proc":
    case "sysfs":
    case "mqueue":
    case "devpts":
    case "cgroup":
      return planFileSystem(context, mount);
  }
}

function aimOf(mount: Mount, kind: "mount" | "target"): Aim {
  return { kind, type: mount.type, source: mount.source ?? mount.type, destination: mount.destination };
}

function target({ program, place }: Context, mount: Mount, kind: "directory" | "file"): Register {
  return placeIn(program, "target", aimOf(mount, "target"), place.root, mount.destination, kind);
}

function planBind(context: Context, mount: Mount): void {
  const { program, facts } = context;
  const options = mountOptions(mount.options);
  const source = mount.source ?? mount.destination;
  const aim = aimOf(mount, "mount");
  const tree = cloneTree(program, "tree", aim, AT_FDCWD, source, options.recursive);
  setAttributes(program, aim, tree, options);
  const place = target(context, mount, facts.directories.has(source) ? "directory" : "file");
  attach(program, aim, tree, place);
  close(program, aim, tree, place);
}

function planFileSystem(context: Context, mount: Mount): void {
  const { program } = context;
  const options = mountOptions(mount.options);
  const aim = aimOf(mount, "mount");
  const type = mount.type === "cgroup" ? "cgroup2" : mount.type;
  const tree = newFileSystem(program, "tree", aim, type, options.data, options.set);
  if (options.propagation)
    setAttributes(program, aim, tree, { set: [], clearAtime: false, propagation: options.propagation });
  const place = target(context, mount, "directory");
  attach(program, aim, tree, place);
  close(program, aim, place);
  if (mount.destination === "/dev") planDevices(context, tree);
  close(program, aim, tree);
}

// Device nodes cannot be made in a user namespace (mknod(2), EPERM): the host's are bound.
function planDevices({ program }: Context, dev: Register): void {
  for (const name of DEVICES) {
    const path = `/dev/${name}`;
    const aim: Aim = { kind: "device", path };
    const tree = cloneTree(program, "node", aim, AT_FDCWD, path, false);
    setAttributes(program, aim, tree, { set: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NOEXEC"], clearAtime: false });
    program.add(aim, "mknodat", [dev, name, named(0o100644, "S_IFREG|0644"), 0]);
    attachAt(program, aim, tree, dev, name);
    close(program, aim, tree);
  }
  for (const [to, name] of LINKS) program.add({ kind: "device", path: `/dev/${name}` }, "symlinkat", [to, dev, name]);
}

function planSymlink({ program, place }: Context, mount: Mount): void {
  const aim = aimOf(mount, "target");
  const { folder, name } = split(mount.destination);
  const at = folder === "/" ? place.root : placeIn(program, "target", aim, place.root, folder, "directory");
  program.add(aim, "symlinkat", [mount.source ?? "", at, name], { tolerate: ["EEXIST"] });
  if (at !== place.root) close(program, aim, at);
}

function planDirectory(context: Context, mount: Mount): void {
  const { program } = context;
  const aim = aimOf(mount, "target");
  const place = target(context, mount, "directory");
  const mode = mount.options.find((option) => option.startsWith("mode="));
  if (mode) {
    const bits = Number.parseInt(mode.slice(5), 8);
    program.add(aim, "fchmodat", [place, ".", named(bits, `0${bits.toString(8)}`)]);
  }
  close(program, aim, place);
}

// A file with content of ours: written into the scratch, then bound, read-only unless `rw`.
function planData({ program, place }: Context, mount: Mount, file: string): void {
  const aim = aimOf(mount, "mount");
  const options = mountOptions(mount.options);
  // Where an optional one has no place, nothing of what follows is of use: it takes 7 steps with `writeText`.
  const optional: Tolerance = options.try ? { tolerate: ["EROFS", "ENOENT", "ELOOP", "EACCES"], skip: 8 } : {};
  const at = placeIn(program, "target", aimOf(mount, "target"), place.root, mount.destination, "file", optional);
  const before = program.steps.length;
  writeScratch(program, aim, place.scratch, file, mount, options.data);
  const tree = cloneTree(program, "tree", aim, place.scratch, file, false);
  setAttributes(program, aim, tree, options);
  attach(program, aim, tree, at);
  close(program, aim, tree, at);
  if (options.try && program.steps.length - before !== optional.skip) throw new Error("planData skips its own steps");
}

function writeScratch(
  program: Program,
  aim: Aim,
  scratch: Register,
  file: string,
  { source, data = "" }: Mount,
  options: readonly string[],
): void {
  const mode = Number.parseInt(options.find((item) => item.startsWith("mode="))?.slice(5) ?? "644", 8);
  const fd = program.let("file", aim, "openat", [
    scratch,
    file,
    flags(O, "O_WRONLY", "O_CREAT", "O_EXCL", "O_CLOEXEC"),
    named(mode, `0${mode.toString(8)}`),
  ]);
  if (source !== undefined) copyFile(program, aim, fd, source);
  else writeText(program, aim, fd, data);
  close(program, aim, fd);
}

function writeText(program: Program, aim: Aim, fd: Register, text: string): void {
  const content = new TextEncoder().encode(text);
  if (content.length > 0)
    program.add(aim, "write", [fd, { kind: "bytes", content, shown: JSON.stringify(text) }, content.length]);
}

// sendfile(2) stops early where the file system is full, without an error; asked once more it tells.
function copyFile(program: Program, aim: Aim, fd: Register, source: string): void {
  const from = program.let("from", aim, "openat", [
    AT_FDCWD,
    source,
    flags(O, "O_RDONLY", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC"),
    0,
  ]);
  for (let i = 0; i < 2; i++) program.add(aim, "sendfile", [fd, from, 0, MOST_BYTES]);
  close(program, aim, from);
}

// A path that this kernel does not have is no failure (runtime-spec, "Masked Paths").
const absent = (skip: number): Tolerance => ({ tolerate: ["ENOENT"], skip });

function planReadonly({ program, place }: Context, path: string): void {
  const aim: Aim = { kind: "readonly", path };
  const at = openInRoot(program, "target", aim, place.root, path, absent(5));
  const tree = cloneTree(program, "tree", aim, at, "", true);
  setAttributes(program, aim, tree, { set: SEALED, clearAtime: false });
  attach(program, aim, tree, at);
  close(program, aim, at, tree);
}

// What hides a file or a folder lies in the scratch, ready to be cloned: /dev/null, and an empty folder that is read-only. Both come
// from descriptors, so nothing inside can put another file in the place of /dev/null (CVE-2025-31133).
function planCovers({ program, place: { scratch } }: Context): void {
  const file: Aim = { kind: "device", path: "/dev/null" };
  const device = cloneTree(program, "tree", file, AT_FDCWD, "/dev/null", false);
  setAttributes(program, file, device, { set: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NOEXEC"], clearAtime: false });
  program.add(file, "mknodat", [scratch, "null", named(0o100644, "S_IFREG|0644"), 0]);
  attachAt(program, file, device, scratch, "null");
  close(program, file, device);
  const folder: Aim = { kind: "root", what: "tmpfs", path: "/" };
  const empty = cloneTree(program, "tree", folder, scratch, "empty", false);
  setAttributes(program, folder, empty, { set: SEALED, clearAtime: false });
  attachAt(program, folder, empty, scratch, "empty");
  close(program, folder, empty);
}

function planMask({ program, facts, place }: Context, path: string): void {
  const aim: Aim = { kind: "mask", path };
  const at = openInRoot(program, "target", aim, place.root, path, absent(4));
  const cover = facts.directories.has(path) ? "empty" : "null";
  const tree = cloneTree(program, "tree", aim, place.scratch, cover, false);
  attach(program, aim, tree, at);
  close(program, aim, at, tree);
}

function split(path: string): { readonly folder: string; readonly name: string } {
  const at = path.lastIndexOf("/");
  return { folder: path.slice(0, at) || "/", name: path.slice(at + 1) };
}
