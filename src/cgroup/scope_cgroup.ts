// A group from the systemd user manager. Its scope is made around the child and this process: so the scope outlives the child until its last
// figures are read, and ends, as any of systemd's, by a signal that is passed on. This process has a group of its own in it, apart from what is limited.
import { cgroupFolder, parseCgroup } from "../host/cgroup.ts";
import { readMountInfo } from "../host/mount_info.ts";
import { readHostFile } from "../host/read_host_file.ts";
import { CgroupError } from "./cgroup_error.ts";
import { BusError } from "./dbus/bus_failure.ts";
import { Group } from "./group.ts";
import type { CgroupOrder, SandboxCgroup } from "./sandbox_cgroup.ts";
import { asCgroupError, limitGroup, makeGroups, moveTo } from "./set_up_group.ts";
import { UserScope } from "./user_scope.ts";

const [LIMITS, SUPERVISOR] = ["sandbox", "supervisor"];

export class ScopeCgroup implements SandboxCgroup {
  readonly #order: CgroupOrder;
  readonly #bus: string;
  readonly #scope: UserScope;
  readonly isOurs = false;
  limits: Group | undefined;

  constructor(order: CgroupOrder, bus: string) {
    this.#order = order;
    this.#bus = bus;
    this.#scope = this.#asked(() => new UserScope(bus, order.now));
  }

  readonly place = (pid: number): void => {
    const { id, description } = this.#order;
    const unit = `sandbox-${id}.scope`;
    this.#asked(() => this.#scope.start({ unit, description, pids: [pid, process.pid] }));
    using parent = this.#open(pid, unit);
    const { limits, inside: made } = makeGroups(parent, LIMITS);
    this.limits = limits;
    using inside = made;
    moveTo(inside, pid);
    using supervisor = parent.make(SUPERVISOR);
    moveTo(supervisor, process.pid);
    limitGroup(parent, limits, this.#order);
  };

  /** Where the manager has put the child. */
  #open(pid: number, unit: string): Group {
    const found = parseCgroup(readHostFile(`/proc/${pid}/cgroup`) ?? "").unified ?? "nowhere";
    const folder = found.endsWith(`/${unit}`) ? cgroupFolder(readMountInfo(), found) : undefined;
    if (folder === undefined) throw new CgroupError({ kind: "unseen", unit, found });
    try {
      return Group.open(folder);
    } catch (error) {
      throw asCgroupError(error, (errno) => ({ kind: "make", where: folder, errno }));
    }
  }

  #asked<T>(ask: () => T): T {
    try {
      return ask();
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      throw new CgroupError({ kind: "bus", path: this.#bus, failure: error.failure });
    }
  }

  [Symbol.dispose](): void {
    this.#scope[Symbol.dispose]();
  }
}
