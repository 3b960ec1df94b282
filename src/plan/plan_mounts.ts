// The Spec's mounts as steps, in their order; then devices (runtime-spec, "Default Devices"), masked and read-only paths.
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
  makeTarget,
  newFileSystem,
  openInRoot,
  setAttributes,
} from "./mount_steps.ts";
import type { NewRoot } from "./plan_root.ts";
import type { Program } from "./program.ts";
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
  /** Folders known to exist in the new root. */
  readonly made: Set<string>;
};

export function planMounts(program: Program, spec: Spec, facts: PlanFacts, place: NewRoot): void {
  const context: Context = { program, facts, place, made: new Set() };
  let files = 0;
  for (const mount of spec.mounts) {
    if (mount.type === "data") planData(context, mount, `files/${files++}`);
    else planMount(context, mount);
  }
  for (const path of spec.linux.readonlyPaths) planReadonly(context, path);
  planMasks(context, spec.linux.maskedPaths);
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
      return planFileSystem(context, mount);
  }
}

function aimOf(mount: Mount, kind: "mount" | "target"): Aim {
  return { kind, type: mount.type, source: mount.source ?? mount.type, destination: mount.destination };
}

function target(context: Context, mount: Mount, kind: "directory" | "file"): Register {
  return makeTarget(
    context.program,
    "target",
    aimOf(mount, "target"),
    context.place.root,
    mount.destination,
    kind,
    context.made,
  );
}

// What is mounted hides what was made below it before.
function forgetBelow(context: Context, destination: string): void {
  const whole = destination.split("/").filter(Boolean).join("/");
  for (const path of context.made) if (path.startsWith(`${whole}/`)) context.made.delete(path);
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
  forgetBelow(context, mount.destination);
}

function planFileSystem(context: Context, mount: Mount): void {
  const { program } = context;
  const options = mountOptions(mount.options);
  const aim = aimOf(mount, "mount");
  const tree = newFileSystem(program, "tree", aim, mount.type, options.data, options.set);
  if (options.propagation)
    setAttributes(program, aim, tree, { set: [], clearAtime: false, propagation: options.propagation });
  const place = target(context, mount, "directory");
  attach(program, aim, tree, place);
  close(program, aim, place);
  if (mount.destination === "/dev") planDevices(context, tree);
  close(program, aim, tree);
  forgetBelow(context, mount.destination);
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

function planSymlink(context: Context, mount: Mount): void {
  const aim = aimOf(mount, "target");
  const { folder, name } = split(mount.destination);
  const at = makeTarget(context.program, "target", aim, context.place.root, folder, "directory", context.made);
  context.program.add(aim, "symlinkat", [mount.source ?? "", at, name], { tolerate: ["EEXIST"] });
  close(context.program, aim, at);
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

// A file with content of ours: written into the scratch, then bound, read-only unless `rw`. O_CREAT follows a symbolic
// link to where it leads inside the root and makes the file there; O_NONBLOCK, since the image may have put a FIFO in its place.
function planData(context: Context, mount: Mount, file: string): void {
  const { program, place } = context;
  const aim = aimOf(mount, "mount");
  const { folder } = split(mount.destination);
  const options = mountOptions(mount.options);
  writeScratch(program, aim, place.scratch, file, mount, options.data);
  const tree = cloneTree(program, "tree", aim, place.scratch, file, false);
  setAttributes(program, aim, tree, options);
  const aimTarget = aimOf(mount, "target");
  if (folder !== "/")
    close(program, aim, makeTarget(program, "target", aimTarget, place.root, folder, "directory", context.made));
  const how = flags(O, "O_RDONLY", "O_CREAT", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC");
  const optional = options.try ? { tolerate: ["EROFS", "ENOENT", "ELOOP", "EACCES"] as const } : {};
  const at = openInRoot(program, "target", aimTarget, place.root, mount.destination, how, 0o644, optional);
  attach(program, aim, tree, at, options.try ? { tolerate: ["EBADF"] } : {});
  program.add(aim, "close", [at], options.try ? { tolerate: ["EBADF"] } : {});
  close(program, aim, tree);
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

// A path that this kernel does not have is no failure (runtime-spec, "Masked Paths"): the calls after it then find no descriptor.
const ABSENT = { tolerate: ["ENOENT"] } as const;
const NO_DESCRIPTOR = { tolerate: ["EBADF"] } as const;

function planReadonly({ program, place }: Context, path: string): void {
  const aim: Aim = { kind: "readonly", path };
  const at = openInRoot(program, "target", aim, place.root, path, undefined, 0, ABSENT);
  const tree = cloneTree(program, "tree", aim, at, "", true, NO_DESCRIPTOR);
  setAttributes(program, aim, tree, { set: SEALED, clearAtime: false }, NO_DESCRIPTOR);
  attach(program, aim, tree, at, NO_DESCRIPTOR);
  for (const fd of [at, tree]) program.add(aim, "close", [fd], NO_DESCRIPTOR);
}

// A file is hidden by /dev/null, a folder by an empty read-only one; both come from descriptors, so nothing inside can put
// another file in the place of /dev/null (CVE-2025-31133).
function planMasks(context: Context, paths: readonly string[]): void {
  const { program, facts, place } = context;
  for (const path of paths) {
    const aim: Aim = { kind: "mask", path };
    const at = openInRoot(program, "target", aim, place.root, path, undefined, 0, ABSENT);
    const tree = facts.directories.has(path) ? emptyFolder(program, aim, place.scratch) : nullDevice(program, aim);
    attach(program, aim, tree, at, NO_DESCRIPTOR);
    program.add(aim, "close", [at], NO_DESCRIPTOR);
    close(program, aim, tree);
  }
}

function emptyFolder(program: Program, aim: Aim, scratch: Register): Register {
  const tree = cloneTree(program, "tree", aim, scratch, "empty", false);
  setAttributes(program, aim, tree, { set: SEALED, clearAtime: false });
  return tree;
}

function nullDevice(program: Program, aim: Aim): Register {
  const tree = cloneTree(program, "tree", aim, AT_FDCWD, "/dev/null", false);
  setAttributes(program, aim, tree, { set: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NOEXEC"], clearAtime: false });
  return tree;
}

function split(path: string): { readonly folder: string; readonly name: string } {
  const at = path.lastIndexOf("/");
  return { folder: path.slice(0, at) || "/", name: path.slice(at + 1) };
}
