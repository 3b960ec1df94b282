import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ERRNO } from "../../../ffi/errno.ts";
import { runProbes } from "../../../src/host/gather_host_facts.ts";
import { identity } from "../../../src/host/identity.ts";
import { liveProbe } from "../../../src/host/live_probe.ts";
import { PROBE_NAMES, probeProgram } from "../../../src/host/probe_programs.ts";

const { uid, gid, groups } = identity();

test("identity agrees with what the runtime says", () => {
  const own = [process.getuid?.(), process.getgid?.(), process.geteuid?.(), process.getegid?.()];
  expect([uid, gid, identity().euid, identity().egid]).toEqual(own.map((id) => id ?? -1));
  for (const group of groups) expect(process.getgroups?.()).toContain(group);
});

test("every probe ends with an answer that names its step, and can be repeated", () => {
  const probe = liveProbe({ uid, gid, suffix: "test" });
  for (const name of [...PROBE_NAMES, ...PROBE_NAMES]) {
    const result = probe(name);
    const steps = probeProgram(name, { uid, gid, store: "/", releaseFd: 0 })?.calls.map(({ step }) => step) ?? [];
    if (result.kind === "failed") expect(["clone", ...steps]).toContain(result.step);
    else expect(["ok", "skipped"]).toContain(result.kind);
  }
});

test("a failed step is reported with its name and errno", () => {
  // (uid_t)-1 is no id: the kernel refuses the map with EINVAL, user_namespaces(7).
  const result = liveProbe({ uid: 0xffffffff, gid, suffix: "test" })("user");
  expect(result).toEqual({ kind: "failed", step: "uid_map", call: "write", errno: ERRNO.EINVAL });
});

test("the store's probe leaves nothing behind", () => {
  const folder = mkdtempSync(join(tmpdir(), "store-"));
  try {
    expect(liveProbe({ uid, gid, suffix: "test", storeFolder: folder })("overlay-store").kind).not.toBe("skipped");
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a store that cannot be written is skipped with a reason", () => {
  const result = liveProbe({ uid, gid, suffix: "test", storeFolder: "/proc" })("overlay-store");
  expect(result).toEqual({ kind: "skipped", why: "/proc is not writable" });
});

test("a helper that refuses lets the child go and is named", () => {
  const result = liveProbe({ uid, gid, suffix: "test", mapIds: () => false })("range");
  expect(result).toMatchObject({ kind: "failed", step: "range", call: "newuidmap" });
});

test("without a user namespace nothing else is tried", () => {
  const tried: string[] = [];
  const results = runProbes((name) => {
    tried.push(name);
    return { kind: "failed", step: "clone", call: "clone", errno: ERRNO.EPERM };
  });
  expect(tried).toEqual(["user"]);
  expect(results.user.kind).toBe("failed");
  expect(results.tun).toEqual({ kind: "skipped", why: "there is no user namespace" });
});
