import { expect, test } from "bun:test";
import { globMatches, parseLabel, profileFor } from "../../../src/host/apparmor.ts";
import { busPath, cgroupFolder, cgroupMode, parseCgroup } from "../../../src/host/cgroup.ts";
import { decideModule } from "../../../src/host/modules.ts";
import { parseMountInfo, procMasks, rootMount } from "../../../src/host/mount_info.ts";
import { parseGetsubids } from "../../../src/host/name_service.ts";
import { parseOsRelease } from "../../../src/host/os_release.ts";
import { findGroup, findUser, groupsOf } from "../../../src/host/passwd.ts";
import { parseProcessStatus } from "../../../src/host/process_status.ts";
import { subidLines } from "../../../src/host/subids.ts";
import { mutate, random } from "./random.ts";
import { GROUP, MOUNTINFO, OS_RELEASE, PASSWD, STATUS } from "./texts.ts";

const ROUNDS = 400;

function fuzz(seeds: readonly string[], check: (text: string) => void): void {
  const next = random(0x5eed);
  for (let round = 0; round < ROUNDS; round++) for (const seed of seeds) check(mutate(seed, next));
}

test("any passwd text gives an account with legal ids, or none", () => {
  fuzz([PASSWD], (text) => {
    for (const key of ["alice", "root", 0, 1000, 4294967295]) {
      const user = findUser(text, key);
      if (user) expect(user.uid >= 0 && user.uid < 0xffffffff && user.gid >= 0 && user.gid < 0xffffffff).toBe(true);
      if (user) expect(typeof key === "number" ? user.uid : user.name).toBe(key);
    }
  });
});

test("any group text gives groups with legal ids, or none", () => {
  fuzz([GROUP], (text) => {
    for (const gid of groupsOf(text, "alice")) expect(gid < 0xffffffff).toBe(true);
    expect(findGroup(text, "audio")?.gid ?? 0).toBeLessThan(0xffffffff);
  });
});

test("any subuid text gives ranges that lie within the ids there are", () => {
  fuzz(["alice:100000:65536\n1000:165536:65536\nbob:4294900000:65536\n"], (text) => {
    for (const { start, count } of subidLines(text)) {
      expect(count).toBeGreaterThan(0);
      expect(start + count).toBeLessThanOrEqual(2 ** 32);
    }
  });
});

test("any mountinfo text gives mounts with a mount point, and never an exception", () => {
  fuzz(Object.values(MOUNTINFO), (text) => {
    const mounts = parseMountInfo(text);
    for (const { id, mountPoint } of mounts) expect(Number.isInteger(id) && typeof mountPoint === "string").toBe(true);
    rootMount(mounts);
    cgroupMode(mounts);
    expect(cgroupFolder(mounts, "/../x")).toBeUndefined();
    for (const mask of procMasks(mounts)) expect(mask.startsWith("/proc/")).toBe(true);
  });
});

test("no text of status, cgroup, os-release, AppArmor, modules or getsubids throws", () => {
  const profile =
    'abi <abi/4.0>,\nprofile x "/opt/my app/{a,b*}" flags=(unconfined) {\n  userns,\n}\n/usr/@{bin}/[ab]? {\n}\n';
  fuzz([STATUS.user, "0::/user.slice\n4:memory:/x\n", OS_RELEASE.mint, profile, "0: alice 100000 65536\n"], (text) => {
    const decided = () => {
      parseProcessStatus(text);
      parseCgroup(text);
      parseOsRelease(text);
      parseLabel(text);
      profileFor(text, "/opt/my app/a");
      globMatches(text, "/usr/bin/a");
      decideModule("overlay", text, text);
      parseGetsubids(text);
      busPath({ DBUS_SESSION_BUS_ADDRESS: text });
    };
    expect(decided).not.toThrow();
  });
});
