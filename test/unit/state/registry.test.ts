import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FaultError } from "../../../src/base/fault.ts";
import { hasEnded, openProcess, startTimeOf } from "../../../src/state/process_identity.ts";
import { type Claimed, type Registration, register } from "../../../src/state/registration.ts";
import { registered } from "../../../src/state/registry.ts";
import { openRuntimeFolder, runtimePath, runtimePaths } from "../../../src/state/runtime_folder.ts";

const root = mkdtempSync(join(tmpdir(), "sandbox-registry-"));
afterAll(() => rmSync(root, { recursive: true }));
const UID = process.getuid?.() ?? -1;
let runtimes = 0;

/** A runtime folder of its own. */
function runtime(mode = 0o700): string {
  const path = join(root, `${runtimes++}`);
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}

const lookupsIn = (path: string) => ({ env: { XDG_RUNTIME_DIR: path }, uid: UID });
const folderIn = (path: string) => openRuntimeFolder(lookupsIn(path), "sandboxes");

function claim(path: string, name?: string, ids = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"]): Claimed {
  const left = [...ids];
  return register(folderIn(path), {
    name,
    created: new Date("2026-11-25T10:57:46.432Z"),
    command: ["sleep", "1"],
    network: { mode: "none", ipv4: undefined, ipv6: undefined, resolver: undefined },
    hasControl: false,
    newId: () => left.shift() ?? "",
    leastFd: 3,
  });
}

function claimed(...words: Parameters<typeof claim>): Registration {
  const result = claim(...words);
  if (result.kind === "taken") throw new Error(`taken by ${result.by}`);
  return result.registration;
}

const named = (path: string) => registered(folderIn(path)).map(({ id, state }) => `${id} ${state?.name}`);

describe("a registration", () => {
  test("is seen until its end, and leaves nothing", () => {
    const path = runtime();
    const one = claimed(path, "one");
    const two = claimed(path);
    expect(named(path)).toEqual(["aaaaaaaaaaaa one", "bbbbbbbbbbbb undefined"]);
    one.started(process.pid);
    expect(registered(folderIn(path))[0]?.state?.init).toEqual({
      pid: process.pid,
      startTime: startTimeOf(process.pid) ?? "",
    });
    one.remove();
    expect(named(path)).toEqual(["bbbbbbbbbbbb undefined"]);
    two.remove();
    expect(readdirSync(join(path, "sandbox/sandboxes"))).toEqual([]);
  });

  test("has a name for itself", () => {
    const path = runtime();
    const one = claimed(path, "one");
    expect(claim(path, "one")).toEqual({ kind: "taken", by: one.id });
    expect(named(path)).toEqual(["aaaaaaaaaaaa one"]);
    one.remove();
    claimed(path, "one").remove();
  });

  test("whose owner is gone is removed by whoever looks, and its name is free", () => {
    const path = runtime();
    claimed(path, "one").lock.close();
    claimed(path, "one").lock.close();
    expect(named(path)).toEqual([]);
    expect(readdirSync(join(path, "sandbox/sandboxes"))).toEqual([]);
  });

  test("that was never finished is removed", () => {
    const path = runtime();
    folderIn(path);
    mkdirSync(join(path, "sandbox/sandboxes/dddddddddddd"));
    expect(named(path)).toEqual([]);
    expect(existsSync(join(path, "sandbox/sandboxes/dddddddddddd"))).toBe(false);
  });

  test("of another version is left alone, and shown without what it says", () => {
    const path = runtime();
    const one = claimed(path, "one");
    writeFileSync(join(path, "sandbox/sandboxes", one.id, "state.json"), '{"version":9}');
    expect(registered(folderIn(path))).toEqual([{ id: one.id, state: undefined }]);
    one.remove();
  });

  test("what is no registration is left alone", () => {
    const path = runtime();
    folderIn(path);
    writeFileSync(join(path, "sandbox/sandboxes/notes"), "");
    mkdirSync(join(path, "sandbox/sandboxes/AAAAAAAAAAAA"));
    expect(named(path)).toEqual([]);
    expect(readdirSync(join(path, "sandbox/sandboxes")).sort()).toEqual(["AAAAAAAAAAAA", "notes"]);
  });
});

describe("the folder of all", () => {
  test("is for its user alone", () => {
    const path = runtime();
    folderIn(path);
    for (const name of ["sandbox", "sandbox/sandboxes"]) expect(statSync(join(path, name)).mode & 0o777).toBe(0o700);
  });

  const faultOf = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      if (error instanceof FaultError) return error.fault;
      throw error;
    }
    throw new Error("no fault");
  };

  test("others must not have been there first", () => {
    const path = runtime();
    mkdirSync(join(path, "sandbox"));
    chmodSync(join(path, "sandbox"), 0o755);
    const fault = faultOf(() => folderIn(path));
    expect(fault.cause).toBe("others may look into it (mode 755)");
    expect(fault.hint).toContain("XDG_RUNTIME_DIR");
    expect(faultOf(() => runtimePath(lookupsIn(path)))).toEqual(fault);
  });

  test("its path is known before it is made, and it is one of those where it may be", () => {
    const path = runtime();
    expect(runtimePath(lookupsIn(path))).toBe(join(path, "sandbox"));
    expect(runtimePaths(lookupsIn(path))).toEqual([
      join(path, "sandbox"),
      `/run/user/${UID}/sandbox`,
      `/tmp/sandbox-${UID}`,
    ]);
    expect(openRuntimeFolder(lookupsIn(path), "networks", "web").path).toBe(join(path, "sandbox/networks/web"));
    expect(runtimePaths(lookupsIn("/nowhere"))).toContain(runtimePath(lookupsIn("/nowhere")));
  });

  test("a link is not followed", () => {
    const path = runtime();
    symlinkSync(runtime(), join(path, "sandbox"));
    expect(faultOf(() => folderIn(path)).cause).toBe("something else is in its place");
  });

  test("a runtime folder that others write to, or that is not there, is not taken", () => {
    const fallback = (path: string) => folderIn(path).path;
    const elsewhere = fallback("/nowhere");
    expect(elsewhere).toMatch(new RegExp(`^/(run/user/${UID}/sandbox|tmp/sandbox-${UID})/sandboxes$`));
    expect(fallback(runtime(0o777))).toBe(elsewhere);
    expect(fallback("relative")).toBe(elsewhere);
  });
});

describe("a process", () => {
  test("is known by its number and its start together", async () => {
    const child = Bun.spawn(["sleep", "1000"]);
    const startTime = startTimeOf(child.pid) ?? "";
    using pidfd = openProcess({ pid: child.pid, startTime });
    expect(pidfd && hasEnded(pidfd)).toBe(false);
    expect(openProcess({ pid: child.pid, startTime: `${Number(startTime) + 1}` })).toBeUndefined();
    child.kill("SIGKILL");
    await child.exited;
    expect(pidfd && hasEnded(pidfd)).toBe(true);
    expect(openProcess({ pid: child.pid, startTime })).toBeUndefined();
  });
});
