import { describe, expect, test } from "bun:test";
import { ERRNO, type ErrnoName } from "../../../ffi/errno.ts";
import { explainUsernsFailure } from "../../../src/host/explain_userns_failure.ts";
import type { UsernsFacts } from "../../../src/host/host_facts.ts";
import { type MendContext, PROBLEM_IDS, type ProblemId, problem } from "../../../src/host/mends.ts";
import type { LaunchStep } from "../../../src/host/probe_programs.ts";
import { DESKTOP, DOCKER, UBUNTU } from "./facts.ts";

function problemOf(facts: UsernsFacts, step: LaunchStep, errno: ErrnoName): ProblemId {
  return explainUsernsFailure(facts, step, ERRNO[errno]).problem;
}

describe("Ubuntu's restriction of user namespaces", () => {
  test.each([
    ["uid_map", "EACCES"],
    ["uid_map", "EPERM"],
    ["mount", "EACCES"],
    ["mount", "EPERM"],
    ["loopback", "EPERM"],
    ["setgroups", "EACCES"],
    ["hostname", "EPERM"],
    ["clone", "EACCES"],
  ] as const)("is recognised in %s with %s", (step, errno) => {
    expect(problemOf(UBUNTU, step, errno)).toBe("apparmor-userns");
  });
  test("is mended by a profile for our own path, or by the sysctl", () => {
    const { cause, hint } = explainUsernsFailure(UBUNTU, "uid_map", ERRNO.EACCES);
    expect(cause).toContain("AppArmor");
    expect(hint).toContain("/home/alice/.local/bin/sandbox flags=(unconfined)");
    expect(hint).toContain("userns,");
    expect(hint).toContain("sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0");
  });
  test("is mended by loading a profile that is on disk already", () => {
    const profile = { file: "/etc/apparmor.d/sandbox", allowsUserns: true };
    const facts = { ...UBUNTU, apparmor: { ...UBUNTU.apparmor, profile } };
    const { hint } = explainUsernsFailure(facts, "mount", ERRNO.EACCES);
    expect(hint).toContain("apparmor_parser -r /etc/apparmor.d/sandbox");
  });
  test("does not hold for a program with a profile, nor for root", () => {
    const label = { profile: "sandbox", mode: "unconfined" };
    const profiled = { ...UBUNTU, apparmor: { ...UBUNTU.apparmor, label } };
    expect(problemOf(profiled, "hostname", "EPERM")).toBe("refused-unknown");
    const root = { ...UBUNTU, process: { ...UBUNTU.process, effective: 0x1ffffffffffn } };
    expect(problemOf(root, "hostname", "EPERM")).toBe("refused-unknown");
  });
});

describe("clone", () => {
  const withUserns = (userns: Partial<UsernsFacts["userns"]>): UsernsFacts => ({
    ...DESKTOP,
    userns: { ...DESKTOP.userns, ...userns },
  });
  test("EPERM by Debian's sysctl", () => {
    const facts = withUserns({ unprivilegedClone: false });
    expect(problemOf(facts, "clone", "EPERM")).toBe("userns-clone-sysctl");
    expect(explainUsernsFailure(facts, "clone", ERRNO.EPERM).hint).toContain("kernel.unprivileged_userns_clone=1");
  });
  test("ENOSPC because a limit is 0 names that limit", () => {
    const facts = withUserns({ max: { user: 62000, net: 0 } });
    expect(problemOf(facts, "clone", "ENOSPC")).toBe("namespaces-forbidden");
    expect(explainUsernsFailure(facts, "clone", ERRNO.ENOSPC).hint).toContain("user.max_net_namespaces=15000");
  });
  test("ENOSPC with limits above 0 is exhaustion or nesting", () => {
    expect(problemOf(DESKTOP, "clone", "ENOSPC")).toBe("namespaces-exhausted");
    expect(explainUsernsFailure(DESKTOP, "clone", ERRNO.ENOSPC).cause).toContain("32");
  });
  test("EPERM in a chroot", () => {
    expect(problemOf({ ...DESKTOP, root: { kind: "chroot" } }, "clone", "EPERM")).toBe("chroot");
  });
  test("EINVAL without and with user namespaces in the kernel", () => {
    expect(problemOf(withUserns({ compiledIn: false }), "clone", "EINVAL")).toBe("userns-not-built");
    expect(problemOf(DESKTOP, "clone", "EINVAL")).toBe("clone-invalid");
  });
  test("EPERM inside docker is its filter, and the mend is an option of docker's", () => {
    expect(problemOf(DOCKER, "clone", "EPERM")).toBe("seccomp-container");
    expect(explainUsernsFailure(DOCKER, "clone", ERRNO.EPERM).hint).toContain("--security-opt seccomp=unconfined");
  });
  test("ENOSYS is a filter's answer where there is one, else a missing call", () => {
    expect(problemOf(DOCKER, "clone", "ENOSYS")).toBe("seccomp-container");
    expect(problemOf(DESKTOP, "clone", "ENOSYS")).toBe("call-missing");
  });
  test("EPERM under a filter without a container is a filter all the same", () => {
    const facts = { ...UBUNTU, process: { ...UBUNTU.process, seccompFiltered: true } };
    expect(problemOf(facts, "clone", "EPERM")).toBe("seccomp-filter");
  });
  test("EAGAIN and ENOMEM are limits of processes and memory", () => {
    expect(problemOf(DESKTOP, "clone", "EAGAIN")).toBe("processes-exhausted");
    expect(problemOf(DESKTOP, "clone", "ENOMEM")).toBe("memory-exhausted");
  });
});

describe("later steps", () => {
  test("root without CAP_SETFCAP may not map id 0", () => {
    const process = { ...DOCKER.process, seccompFiltered: false, effective: 0n };
    expect(problemOf({ ...DOCKER, apparmor: { enabled: false }, process }, "uid_map", "EPERM")).toBe("setfcap");
  });
  test("docker's AppArmor profile refuses mounts", () => {
    expect(problemOf(DOCKER, "mount", "EACCES")).toBe("apparmor-confined");
    expect(explainUsernsFailure(DOCKER, "mount", ERRNO.EACCES).hint).toContain("apparmor=unconfined");
  });
  test("a masked /proc refuses a fresh one, and the masks are named", () => {
    const { problem: id, cause, hint } = explainUsernsFailure(DOCKER, "proc", ERRNO.EPERM);
    expect(id).toBe("proc-masked");
    expect(cause).toContain("/proc/bus, /proc/sys, /proc/kcore, ...");
    expect(hint).toContain("systempaths=unconfined");
  });
  test("a read-only /proc refuses the maps", () => {
    expect(problemOf(DESKTOP, "uid_map", "EROFS")).toBe("proc-readonly");
  });
  test("pivot_root cannot replace the initramfs", () => {
    expect(problemOf({ ...DESKTOP, root: { kind: "initramfs" } }, "pivot", "EINVAL")).toBe("root-is-initramfs");
    expect(problemOf(DESKTOP, "pivot", "EINVAL")).toBe("pivot-invalid");
  });
  test("SELinux that enforces is suspected before the unknown", () => {
    expect(problemOf({ ...DESKTOP, selinux: { state: "enforcing" } }, "mount", "EACCES")).toBe("selinux");
    expect(problemOf(DESKTOP, "hostname", "EPERM")).toBe("refused-unknown");
  });
  test("a mount that nothing known forbids may be Landlock's", () => {
    expect(problemOf(DESKTOP, "mount", "EPERM")).toBe("landlocked");
  });
});

describe("every problem", () => {
  const contexts: readonly MendContext[] = [
    { executable: "/usr/bin/sandbox", uid: 1000 },
    {
      executable: "/usr/bin/sandbox",
      uid: 1000,
      userName: "alice",
      container: "docker",
      os: "alpine",
      freeStart: 165536,
    },
    {
      executable: "/usr/bin/sandbox",
      uid: 0,
      userName: "root",
      container: "unknown",
      os: "nixos",
      helper: "newgidmap",
    },
  ];
  test.each([...PROBLEM_IDS])("%s has a meaning that ends as a sentence and a mend", (id) => {
    for (const context of contexts) {
      const { meaning, mend } = problem(id, context);
      expect(meaning).toMatch(/^[A-Z/a-z][\s\S]*\.$/);
      expect(mend.trim().length).toBeGreaterThan(0);
      expect(`${meaning}${mend}`).not.toContain("undefined");
    }
  });
  test("no refusal on any of these machines stays a bare errno", () => {
    const steps: readonly LaunchStep[] = [
      "clone",
      "setgroups",
      "uid_map",
      "mount",
      "loopback",
      "hostname",
      "proc",
      "tun",
    ];
    for (const facts of [DESKTOP, UBUNTU, DOCKER])
      for (const step of steps)
        for (const errno of Object.values(ERRNO)) {
          const { cause, hint } = explainUsernsFailure(facts, step, errno);
          expect(cause.length > 20 && hint.length > 5).toBe(true);
        }
  });
});

test("a range is proposed where it is free, in the words of the distribution", () => {
  const alice = { executable: "/x", uid: 1000, userName: "alice", freeStart: 165536 };
  const usermod = "sudo usermod --add-subuids 165536-231071 --add-subgids 165536-231071 alice";
  const lines = "echo alice:165536:65536 | sudo tee -a /etc/subuid /etc/subgid";
  expect(problem("subids-missing", alice).mend).toBe(usermod);
  expect(problem("subids-missing", { ...alice, os: "alpine" }).mend).toBe(lines);
  expect(problem("subids-missing", { ...alice, os: "nixos" }).mend).toContain("autoSubUidGidRange");
});
