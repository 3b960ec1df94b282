// A group below our own, which somebody has handed over to us: a service with Delegate=yes, a container, a CI runner. cgroup-v2 has processes in
// leaves only ("No Internal Process Constraint"), so those that are in our group, this one among them, move to a leaf beside the sandbox's first.
import { ERRNO } from "../../ffi/errno.ts";
import { CgroupError } from "./cgroup_error.ts";
import { Group } from "./group.ts";
import { type Controller, neededControllers } from "./resource_files.ts";
import type { CgroupOrder, SandboxCgroup } from "./sandbox_cgroup.ts";
import { asCgroupError, enable, limitGroup, makeGroups, moveTo } from "./set_up_group.ts";

const CALLERS = "sandbox-callers";
const OURS = /^sandbox-[0-9a-f]{12}$/;

export class OwnCgroup implements SandboxCgroup {
  readonly #parent: Group;
  readonly #inside: Group;
  readonly isOurs = true;
  readonly limits: Group;

  constructor(order: CgroupOrder, folder: string) {
    this.#parent = openParent(folder);
    // One at a time: between making a group and having a process in it nobody is to take it for one that is left over.
    this.#parent.lock();
    removeLeft(this.#parent);
    makeRoom(this.#parent, neededControllers(order.files));
    const name = `sandbox-${order.id}`;
    const { limits, inside } = makeGroups(this.#parent, name);
    this.#inside = inside;
    this.limits = limits;
    // For as long as anybody is to look at it: a group without processes may still have figures to be read.
    limits.lock();
    try {
      limitGroup(this.#parent, limits, order);
    } catch (error) {
      this.#parent.remove(name);
      throw error;
    }
  }

  get cgroupFd(): number {
    return this.#inside.fd;
  }

  /** It was cloned there. */
  readonly place = (): void => {};

  [Symbol.dispose](): void {
    this.#inside[Symbol.dispose]();
    this.#parent[Symbol.dispose]();
  }
}

/** Ours, or the one above where we are in a leaf already. */
function openParent(folder: string): Group {
  const path = folder.endsWith(`/${CALLERS}`) ? folder.slice(0, -CALLERS.length - 1) : folder;
  try {
    return Group.open(path);
  } catch (error) {
    throw asCgroupError(error, (errno) => ({ kind: "make", where: path, errno }));
  }
}

/** Of supervisors that were killed: a sandbox ends with its supervisor, its group does not. */
function removeLeft(parent: Group): void {
  for (const name of parent.children().filter((one) => OURS.test(one))) {
    using child = parent.child(name);
    if (child.isEmpty && child.tryLock()) parent.remove(name);
  }
}

/** EBUSY: there are processes. */
function makeRoom(parent: Group, needed: readonly Controller[]): void {
  const available = parent.words("cgroup.controllers");
  if (!needed.every((controller) => available.includes(controller))) return;
  try {
    enable(parent, needed);
  } catch (error) {
    if (!(error instanceof CgroupError && error.failure.kind === "enable" && error.failure.errno === ERRNO.EBUSY))
      throw error;
    using callers = parent.make(CALLERS);
    for (const pid of parent.words("cgroup.procs")) moveTo(callers, Number(pid));
    enable(parent, needed);
  }
}
