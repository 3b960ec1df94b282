// Copy-on-write: overlays with their changes in memory, and on the store's file system.
import { ERRNO, errnoName } from "../../../ffi/errno.ts";
import { explainUsernsFailure } from "../../host/explain_userns_failure.ts";
import type { HostFacts } from "../../host/host_facts.ts";
import type { ProbeResult } from "../../host/live_probe.ts";
import { type Finder, type Finding, info, ok, trouble } from "./finding.ts";

export const findFileSystems: Finder = (facts) => [inMemory(facts), ...inStore(facts), ...fuse(facts)];

function inMemory(facts: HostFacts): Finding {
  return overlay(facts, ["overlay.memory", "Overlay, changes in memory"], facts.probes.overlay, "a tmpfs");
}

function inStore(facts: HostFacts): readonly Finding[] {
  const { store } = facts.overlay;
  if (!store) return [];
  const title = `Overlay, changes in ${store.path}`;
  const room = info(
    "store.space",
    "Store",
    `${store.path}: ${gibibytes(store.available)} GiB free`,
    "layers and kept changes lie here",
  );
  return [overlay(facts, ["overlay.store", title], facts.probes["overlay-store"], store.path), room];
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}

function overlay(facts: HostFacts, [id, title]: readonly [string, string], result: ProbeResult, path: string): Finding {
  switch (result.kind) {
    case "ok":
      return ok(id, title, "works", "a root file system is shared, and changes to it are thrown away or kept apart");
    case "skipped":
      return info(id, title, `not tried: ${result.why}`, "the store's folder is made when it is first needed");
    case "failed":
      return overlayFailure(facts, [id, title], result, path);
  }
}

type Failure = Extract<ProbeResult, { kind: "failed" }>;

function overlayFailure(
  facts: HostFacts,
  [id, title]: readonly [string, string],
  failure: Failure,
  path: string,
): Finding {
  const { step, call, errno } = failure;
  const subject = [id, title, `${call} gave ${errnoName(errno)} at step ${step}`] as const;
  if (step === "overlay-write") return trouble("warn", subject, "overlay-writes-fail", facts, { path });
  if (step === "overlay" && errno === ERRNO.ENODEV) return trouble("warn", subject, "overlay-missing", facts);
  // Where the same works in memory, it is not the right to mount that is missing: network and FUSE servers answer with errnos of their own.
  const elsewhere = id === "overlay.store" && facts.probes.overlay.kind === "ok";
  if (step === "overlay" && (errno === ERRNO.EINVAL || elsewhere))
    return trouble("warn", subject, "overlay-upper-unfit", facts, { path });
  const { cause, hint } = explainUsernsFailure(facts, step, errno);
  return { id, title, state: "warn", detail: subject[2], meaning: cause, mend: hint };
}

function fuse(facts: HostFacts): readonly Finding[] {
  const state = facts.devices.fuse;
  if (state.kind === "ready")
    return [ok("device.fuse", "/dev/fuse", "can be opened", "FUSE file systems can be used in a sandbox")];
  return [{ ...trouble("warn", ["device.fuse", "/dev/fuse", state.kind], "fuse-missing", facts), state: "info" }];
}
