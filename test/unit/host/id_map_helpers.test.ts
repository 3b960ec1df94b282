import { describe, expect, test } from "bun:test";
import { decideHelper, type HelperFile, permits } from "../../../src/host/id_map_helpers.ts";
import { parseProcessStatus } from "../../../src/host/process_status.ts";
import { STATUS } from "./texts.ts";

const USER = parseProcessStatus(STATUS.user);
const SETUID: HelperFile = {
  path: "/usr/bin/newuidmap",
  mode: 0o104755,
  uid: 0,
  capability: undefined,
  nosuid: false,
  executable: true,
};
// cap_setuid=ep as `setcap` writes it: VFS_CAP_REVISION_2 with the effective flag, then bit 7.
const FILE_CAPABILITY = Uint8Array.from([1, 0, 0, 2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

describe("newuidmap", () => {
  test("works as a setuid file (Debian) and by a file capability (Fedora)", () => {
    expect(decideHelper("newuidmap", SETUID, USER, 1000)).toEqual({ kind: "ready", path: SETUID.path, by: "setuid" });
    const fedora = { ...SETUID, mode: 0o100755, capability: FILE_CAPABILITY };
    expect(decideHelper("newuidmap", fedora, USER, 1000)).toEqual({
      kind: "ready",
      path: SETUID.path,
      by: "file capability",
    });
  });
  test("needs no privilege of its file when root runs it", () => {
    expect(decideHelper("newuidmap", { ...SETUID, mode: 0o100755 }, USER, 0)).toMatchObject({
      kind: "ready",
      by: "root",
    });
  });
  test("is missing when PATH has none", () => {
    expect(decideHelper("newuidmap", undefined, USER, 1000)).toEqual({ kind: "missing" });
  });
  test.each([
    ["no-privilege", { mode: 0o100755 }, {}],
    ["not-executable", { executable: false }, {}],
    ["owner-not-root", { uid: 65534 }, {}],
    ["nosuid", { nosuid: true }, {}],
    ["no-new-privs", {}, { noNewPrivs: true }],
    ["bounding-set", {}, { bounding: 0n }],
  ] as const)("is powerless: %s", (why, file, status) => {
    const decided = decideHelper("newuidmap", { ...SETUID, ...file }, { ...USER, ...status }, 1000);
    expect(decided).toEqual({ kind: "powerless", path: SETUID.path, why });
  });
  test("no_new_privs takes a file capability away as well", () => {
    const file = { ...SETUID, mode: 0o100755, capability: FILE_CAPABILITY };
    expect(decideHelper("newuidmap", file, { ...USER, noNewPrivs: true }, 1000)).toMatchObject({ why: "no-new-privs" });
  });
});

test("newgidmap takes the other capability", () => {
  const file = { ...SETUID, mode: 0o100755, capability: FILE_CAPABILITY };
  expect(decideHelper("newgidmap", file, USER, 1000)).toMatchObject({ kind: "powerless", why: "no-privilege" });
});

test("security.capability of a foreign revision or length permits nothing", () => {
  expect(permits(FILE_CAPABILITY, 7)).toBe(true);
  expect(permits(FILE_CAPABILITY, 6)).toBe(false);
  expect(permits(FILE_CAPABILITY.subarray(0, 12), 7)).toBe(false);
  expect(permits(Uint8Array.from([1, 0, 0, 9, ...FILE_CAPABILITY.subarray(4)]), 7)).toBe(false);
  expect(permits(undefined, 7)).toBe(false);
});
