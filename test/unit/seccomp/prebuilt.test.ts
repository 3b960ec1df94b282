import { describe, expect, test } from "bun:test";
import { compilePolicy } from "../../../src/seccomp/compile_policy.ts";
import { defaultFilter, prebuiltKey } from "../../../src/seccomp/default_filter.ts";
import { type DefaultPolicyOptions, defaultPolicy } from "../../../src/seccomp/default_policy.ts";
import { ALLOWED_WITH } from "../../../src/seccomp/default_syscalls.ts";

const ROOT_ONLY = { uids: [0], gids: [0] };
const DOCKER = ["CAP_CHOWN", "CAP_KILL", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETUID", "CAP_SYS_CHROOT"];

function options(arch: "x86_64" | "aarch64", names: readonly string[], emulate = false): DefaultPolicyOptions {
  return { arch, capabilities: new Set(names), ...(emulate && { emulateRoot: ROOT_ONLY }) };
}

describe("defaultFilter", () => {
  for (const arch of ["x86_64", "aarch64"] as const) {
    for (const names of [[], DOCKER, ["CAP_NET_ADMIN"]]) {
      for (const emulate of [false, true]) {
        test(`is at hand for ${arch}, ${names.join(" ") || "no capabilities"}${emulate ? ", emulated" : ""}`, () => {
          const wanted = options(arch, names, emulate);
          expect(defaultFilter(wanted)).toEqual(compilePolicy(defaultPolicy(wanted)));
        });
      }
    }
  }

  test("is compiled when other ids are mapped", async () => {
    const wanted = { ...options("x86_64", []), emulateRoot: { uids: [0, 5], gids: [0] } };
    const made = defaultFilter(wanted);
    expect(made).toBeInstanceOf(Promise);
    expect(await made).toEqual(compilePolicy(defaultPolicy(wanted)));
  });

  test("is compiled for every capability that changes the profile, but for CAP_SYS_CHROOT", async () => {
    const prebuilt = Object.keys(ALLOWED_WITH).filter((name) => prebuiltKey(options("x86_64", [name])) !== undefined);
    expect(prebuilt).toEqual(["CAP_SYS_CHROOT"]);
    const admin = options("aarch64", ["CAP_SYS_ADMIN"]);
    expect(await defaultFilter(admin)).toEqual(compilePolicy(defaultPolicy(admin)));
  });
});

describe("prebuiltKey", () => {
  test("names the four common cases", () => {
    expect(prebuiltKey(options("x86_64", []))).toBe("none");
    expect(prebuiltKey(options("x86_64", DOCKER))).toBe("root");
    expect(prebuiltKey(options("x86_64", [], true))).toBe("none+emulate");
    expect(prebuiltKey(options("x86_64", DOCKER, true))).toBe("root+emulate");
  });

  test("fits no other map of ids", () => {
    const maps = [
      { uids: [], gids: [0] },
      { uids: [0], gids: [] },
      { uids: [1], gids: [0] },
      { uids: [0], gids: [0, 1] },
    ];
    const keys = maps.map((emulateRoot) => prebuiltKey({ ...options("x86_64", []), emulateRoot }));
    expect(keys).toEqual([undefined, undefined, undefined, undefined]);
  });
});
