import { expect, test } from "bun:test";
import { ERRNO } from "../../../ffi/errno.ts";
import type { CgroupFailure } from "../../../src/cgroup/cgroup_error.ts";
import type { BusFailure } from "../../../src/cgroup/dbus/bus_failure.ts";
import type { CgroupFacts } from "../../../src/host/cgroup.ts";
import { cgroupFault } from "../../../src/report/cgroup_fault.ts";

const facts: CgroupFacts = {
  mode: "unified",
  controllers: [],
  delegated: false,
  manager: { systemd: true, linger: false },
};
const said = (failure: CgroupFailure, more: Partial<CgroupFacts> = {}): string => {
  const mend = { executable: "/x", uid: 7, userName: "ada" };
  const { exitCode, what, cause, hint } = cgroupFault(failure, { facts: { ...facts, ...more }, mend });
  expect([exitCode, what]).toEqual([125, "Cannot limit the sandbox"]);
  return `${cause}\n${hint}`;
};
const bus = (failure: BusFailure) => said({ kind: "bus", path: "/run/user/7/bus", failure });

test("a controller that is not handed down, with the drop-in that does it", () => {
  const reason = { kind: "controllers" as const, missing: ["io" as const], where: "user@7.service" };
  const text = said({ kind: "nowhere", reason });
  expect(text).toStartWith("user@7.service does not hand down: io\n");
  expect(text).toContain("Delegate=cpu cpuset io memory pids");
  const folder = said({ kind: "missing", controllers: ["pids"], where: "/sys/fs/cgroup/a/b" });
  expect(folder).toContain("echo +pids | sudo tee /sys/fs/cgroup/a/cgroup.subtree_control");
});

test("hosts of version 1, or of none, with what needs no group by name", () => {
  for (const kind of ["legacy", "none"] as const)
    expect(said({ kind: "nowhere", reason: { kind } })).toContain("--ulimit");
  expect(said({ kind: "nowhere", reason: { kind: "legacy" } })).toContain("systemd.unified_cgroup_hierarchy=1");
});

test("no session: linger and the package; no systemd: a group that is handed over", () => {
  const text = said({ kind: "nowhere", reason: { kind: "refused" } });
  expect(text).toContain("loginctl enable-linger ada");
  expect(text).toContain("dbus-user-session");
  const without = said(
    { kind: "nowhere", reason: { kind: "refused" } },
    { manager: { systemd: false, linger: false } },
  );
  expect(without).toContain("chown -R USER /sys/fs/cgroup/sandbox");
});

test("a bus that does not do what it should", () => {
  expect(bus({ kind: "socket", errno: ERRNO.ECONNREFUSED })).toContain("/run/user/7/bus (ECONNREFUSED)");
  expect(bus({ kind: "refused" })).toContain("export XDG_RUNTIME_DIR=/run/user/7");
  expect(bus({ kind: "silent", seconds: 25 })).toContain("25 seconds");
  expect(bus({ kind: "garbled", detail: "no byte order" })).toContain("does not speak D-Bus: no byte order");
  expect(bus({ kind: "closed" })).toContain("has hung up");
  const unknown = "org.freedesktop.DBus.Error.ServiceUnknown";
  expect(bus({ kind: "error", name: unknown, text: "" })).toContain("no systemd user manager");
  expect(bus({ kind: "error", name: "x.Y", text: "Unit exists" })).toContain("refuses: Unit exists");
});

test("a content that the kernel does not take", () => {
  const text = said({ kind: "content", file: "io.max", content: "8:1 rbps=1", errno: ERRNO.ENODEV });
  expect(text).toContain('the kernel does not take "8:1 rbps=1" for io.max (ENODEV)');
  expect(text).toContain("whole disks");
  expect(said({ kind: "content", file: "hugetlb.1GB.max", content: "1", errno: ERRNO.ENOENT })).toContain(
    "this kernel has no hugetlb.1GB.max",
  );
});

test("processes in the way, realtime processes in the way, a group that is another's", () => {
  const enable = (controllers: readonly string[], errno: number) =>
    said({ kind: "enable", controllers, where: "/sys/fs/cgroup/a", errno });
  expect(enable(["memory"], ERRNO.EBUSY)).toContain("systemd-run --user --scope -p Delegate=yes");
  expect(enable(["cpu"], ERRNO.EINVAL)).toContain("realtime");
  expect(said({ kind: "move", where: "/sys/fs/cgroup/a", errno: ERRNO.EACCES })).toContain("EACCES");
});
