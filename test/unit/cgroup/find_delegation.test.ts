import { expect, test } from "bun:test";
import { findDelegation } from "../../../src/cgroup/find_delegation.ts";
import type { CgroupFacts, UserManager } from "../../../src/host/cgroup.ts";

const ALL = ["cpuset", "cpu", "io", "memory", "pids"];
const MANAGER: UserManager = { systemd: true, linger: false, bus: "/run/user/7/bus", controllers: ALL };
const FACTS: CgroupFacts = { mode: "unified", controllers: [], delegated: false, manager: MANAGER };
const { bus: _, ...WITHOUT_BUS } = MANAGER;

const at = (facts: Partial<CgroupFacts>) => findDelegation({ ...FACTS, ...facts }, 7, ["memory", "io"]);

test("the user manager comes first, then a group that was handed over", () => {
  const own = { delegated: true, folder: "/sys/fs/cgroup/a", controllers: ALL };
  expect(at(own)).toMatchObject({ delegation: { kind: "scope", bus: "/run/user/7/bus" } });
  expect(at({ ...own, manager: WITHOUT_BUS })).toMatchObject({
    delegation: { kind: "own", folder: "/sys/fs/cgroup/a" },
  });
  const poor = { ...MANAGER, controllers: ["memory"] };
  expect(at({ ...own, manager: poor })).toMatchObject({ delegation: { kind: "own" } });
});

test("a manager is found where it always is, and asked where its group is not seen", () => {
  const { controllers: _controllers, ...unseen } = WITHOUT_BUS;
  expect(at({ manager: { ...unseen, usualBus: "/run/user/7/bus" } })).toMatchObject({ delegation: { kind: "scope" } });
});

test("what is missing is named, and where", () => {
  const poor = { ...MANAGER, controllers: ["memory", "pids"] };
  const reason = { kind: "controllers" as const, missing: ["io" as const], where: "user@7.service" };
  expect(at({ manager: poor })).toEqual({ kind: "nowhere", reason });
});

test("layouts without version 2, and hosts where nobody hands anything down", () => {
  const kindOf = (facts: Partial<CgroupFacts>) => {
    const found = at(facts);
    return found.kind === "nowhere" ? found.reason.kind : found.kind;
  };
  expect(kindOf({ mode: "none" })).toBe("none");
  expect(kindOf({ mode: "legacy" })).toBe("legacy");
  expect(kindOf({ mode: "hybrid", manager: { ...MANAGER, controllers: [] } })).toBe("legacy");
  expect(kindOf({ manager: WITHOUT_BUS })).toBe("refused");
});
