// A transient scope of the systemd user manager (org.freedesktop.systemd1(5), systemd.scope(5)): a control group that is ours to divide, made
// around processes that are there already. The manager takes it away when the last one has gone.
import { Bus } from "./dbus/bus.ts";
import { BusError } from "./dbus/bus_failure.ts";
import type { Message } from "./dbus/message.ts";
import { type Value, variant } from "./dbus/value.ts";

const MANAGER = {
  destination: "org.freedesktop.systemd1",
  path: "/org/freedesktop/systemd1",
  interface: "org.freedesktop.systemd1.Manager",
};
const SLICE = "sandbox.slice";
const JOB_REMOVED = `type='signal',sender='${MANAGER.destination}',path='${MANAGER.path}',interface='${MANAGER.interface}',member='JobRemoved'`;
/** As busctl(1) and systemctl(1) have it: a manager that starts under load takes seconds. */
const PATIENCE = 25_000;

export type ScopeRequest = {
  /** `sandbox-ID.scope`. */
  readonly unit: string;
  readonly description: string;
  readonly pids: readonly number[];
};

export class UserScope implements Disposable {
  readonly #bus: Bus;

  /** Says hello; throws BusError. `path`: of the session bus's socket. */
  constructor(path: string, now: () => number) {
    this.#bus = new Bus({ path, match: JOB_REMOVED, patience: PATIENCE, now });
  }

  /** Returns when the processes are in it. Throws BusError. */
  start({ unit, description, pids }: ScopeRequest): void {
    const [job] = this.#bus.call({
      ...MANAGER,
      member: "StartTransientUnit",
      signature: "ssa(sv)a(sa(sv))",
      body: [unit, "fail", scopeProperties(description, pids), []],
    });
    const result = resultOf(this.#bus.signal((signal) => signal.member === "JobRemoved" && signal.body[1] === job));
    if (result !== "done") throw new BusError({ kind: "error", name: unit, text: `its job ended as ${result}` });
  }

  [Symbol.dispose](): void {
    this.#bus[Symbol.dispose]();
  }
}

export function scopeProperties(description: string, pids: readonly number[]): readonly Value[] {
  return [
    ["Description", variant("s", description)],
    ["Slice", variant("s", SLICE)],
    ["Delegate", variant("b", true)],
    // A scope that was killed for lack of memory would stay, as failed, until somebody resets it.
    ["CollectMode", variant("s", "inactive-or-failed")],
    ["PIDs", variant("au", pids)],
  ];
}

/** `uoss`: number, job, unit, result. */
function resultOf({ body }: Message): string {
  return typeof body[3] === "string" ? body[3] : "unknown";
}
