import { describe, expect, test } from "bun:test";
import { ERRNO, type ErrnoName } from "../../../ffi/errno.ts";
import type { Aim } from "../../../src/plan/aim.ts";
import type { CallName } from "../../../src/plan/step.ts";
import { stepReason } from "../../../src/report/step_reason.ts";
import { build, IMAGE } from "../support_spec.ts";

const host = build(["true"]).spec;
const image = build(["true"], IMAGE).spec;
const bind = { type: "bind", source: "/data", destination: "/x/y" } as const;

function reason(aim: Aim, call: CallName, errno: ErrnoName, spec = host): string {
  return stepReason(aim, call, ERRNO[errno], spec)?.cause ?? "";
}

describe("the request itself explains", () => {
  const cases: readonly (readonly [string, Aim, CallName, ErrnoName, string])[] = [
    ["a target in a read-only folder", { kind: "target", ...bind }, "mkdirat", "EROFS", "host's folders are read-only"],
    ["a target through a dangling link", { kind: "target", ...bind }, "openat2", "ENOENT", "symbolic link to nowhere"],
    ["a target below a file", { kind: "target", ...bind }, "mkdirat", "ENOTDIR", "is a file, not a folder"],
    ["a file on a folder", { kind: "mount", ...bind }, "move_mount", "EINVAL", "one of /data and /x/y is a folder"],
    ["a source that went away", { kind: "mount", ...bind }, "open_tree", "ENOENT", "/data does not exist on the host"],
    ["too many mounts", { kind: "mount", ...bind }, "move_mount", "ENOSPC", "limit on mounts"],
    [
      "an option that tmpfs does not have",
      { kind: "mount", type: "tmpfs", source: "tmpfs", destination: "/x" },
      "fsconfig",
      "EINVAL",
      "tmpfs does not take",
    ],
    [
      "a covered /sys",
      { kind: "mount", type: "sysfs", source: "sysfs", destination: "/sys" },
      "fsmount",
      "EPERM",
      "parts of /sys are covered",
    ],
    [
      "a network that went",
      { kind: "member", network: "n" },
      "load",
      "ECONNRESET",
      "the process that keeps it has ended",
    ],
    ["no bridges", { kind: "member", network: "n" }, "load", "EOPNOTSUPP", "no bridges, or no veth"],
    ["a missing working directory", { kind: "cwd", path: "/w" }, "chdir", "ENOENT", "no such folder inside"],
    [
      "a limit above the hard one",
      { kind: "rlimit", type: "RLIMIT_NOFILE" },
      "prlimit64",
      "EPERM",
      "above the hard limit",
    ],
    ["negative niceness", { kind: "nice" }, "setpriority", "EACCES", "only become nicer"],
    ["a descriptor that is not open", { kind: "descriptors" }, "fcntl", "EBADF", "no descriptor of that number"],
    ["arguments that are too long", { kind: "init" }, "execveat", "E2BIG", "128 KiB for one"],
    ["a clock before its beginning", { kind: "time" }, "write", "ERANGE", "before its beginning"],
  ];
  for (const [what, aim, call, errno, part] of cases)
    test(what, () => {
      expect(reason(aim, call, errno)).toContain(part);
    });

  test("a read-only target of an image is not called the host's", () => {
    expect(reason({ kind: "target", ...bind }, "mkdirat", "EROFS", image)).toContain("part of the root file system");
  });
});

describe("an overlay that is refused", () => {
  const aim: Aim = { kind: "root", what: "overlay", path: "/store/alpine" };
  for (const errno of ["ENODEV", "EPERM", "EINVAL", "ELOOP"] as const)
    test(`by ${errno} names the alternatives`, () => {
      const found = stepReason(aim, "fsconfig", ERRNO[errno], image);
      expect(found?.cause).not.toBe("");
      expect(found?.hint).toContain("--no-overlay");
      expect(found?.hint).toContain("sandbox doctor");
    });
});

test("a refusal that the request does not explain is left to the facts about the host", () => {
  expect(stepReason({ kind: "map-ids", file: "uid_map" }, "write", ERRNO.EPERM, host)).toBeUndefined();
  expect(stepReason({ kind: "loopback" }, "load", ERRNO.EPERM, host)).toBeUndefined();
  expect(stepReason({ kind: "mount", ...bind }, "open_tree", ERRNO.EPERM, host)).toBeUndefined();
});
