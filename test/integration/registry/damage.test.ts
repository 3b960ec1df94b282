// A registry that dies in the middle, and one whose disk has other bytes than were pushed.
import { expect } from "bun:test";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { O_CREAT, O_RDWR, open } from "../../../ffi/file.ts";
import { type Clock, systemClock } from "../../../rootfs-builder/oci/clock.ts";
import type { Descriptor } from "../../../rootfs-builder/oci/descriptor.ts";
import { downloadBlob } from "../../../rootfs-builder/oci/download_blob.ts";
import type { OciError } from "../../../rootfs-builder/oci/oci_error.ts";
import { resolveImage } from "../../../rootfs-builder/oci/resolve_image.ts";
import { Registry } from "../../support/registry.ts";
import { AMD64, expectDigest, failure, firstLayer, pushNoise, QUICK, sourceOf } from "../../support/registry_client.ts";
import { absent, testWhere } from "../../support/test_where.ts";
import { workspace } from "../../support/workspace.ts";

const registryTest = testWhere(absent("docker-registry", "skopeo"));
const here = workspace();

registryTest("a download goes on after the registry was killed in the middle of it", async () => {
  await using registry = await Registry.start(join(here.root, "killed"));
  let waits = 0;
  // Nobody is listening until the second wait.
  const sleep: Clock["sleep"] = async (ms, signal) => {
    if (signal) return await systemClock.sleep(ms, signal);
    if (++waits === 2) await registry.restart();
  };
  const clock: Clock = { ...systemClock, sleep };
  // More than what fits into the buffers of a connection.
  const source = sourceOf(await pushNoise(here, registry, 64 << 20), { clock });
  const blob = await firstLayer(source);
  const path = join(here.root, "partial");
  using file = open(path, O_RDWR | O_CREAT, 0o600);
  const asked: number[] = [];
  let killed = false;
  const killing = {
    name: source.name,
    async *blob(descriptor: Descriptor, from = 0): AsyncGenerator<Uint8Array, void, void> {
      asked.push(from);
      for await (const chunk of source.blob(descriptor, from)) {
        if (!killed) await registry.kill();
        killed = true;
        yield chunk;
      }
    },
  };
  const told: number[] = [];
  await downloadBlob(killing, blob, file.number, { progress: (bytes) => told.push(bytes), retries: QUICK, clock });
  expect(waits).toBe(2);
  expect(asked.length).toBe(2);
  expect(asked[1]).toBeGreaterThan(0);
  expect(asked[1]).toBeLessThan(blob.size);
  expect(told).toEqual([...told].sort((a, b) => a - b));
  expectDigest(readFileSync(path), blob.digest);
});

registryTest("a blob that is damaged on the registry's disk is refused, and nothing is left of it", async () => {
  await using registry = await Registry.start(join(here.root, "damaged"));
  const source = sourceOf(await pushNoise(here, registry, 1 << 20));
  const blob = await firstLayer(source);
  const kept = registry.blobFile(blob.digest);
  const original = readFileSync(kept);
  const attempt = async (): Promise<{ error: OciError; left: number }> => {
    const path = join(here.root, "damaged-partial");
    using file = open(path, O_RDWR | O_CREAT, 0o600);
    const error = await failure(downloadBlob(source, blob, file.number, { retries: QUICK }));
    return { error, left: readFileSync(path).length };
  };
  writeFileSync(
    kept,
    original.map((byte, at) => (at === 500_000 ? byte ^ 1 : byte)),
  );
  const damaged = await attempt();
  expect(damaged.error).toMatchObject({ fault: "content" });
  expect(damaged.error.reason).toContain("its content has the digest sha256:");
  expect(damaged.left).toBe(0);
  truncateSync(kept, 500_000);
  const short = await attempt();
  expect(short.error.fault).toBe("content");
  expect(short.error.reason).toContain(`its descriptor says ${original.length} bytes, and the registry has "500000"`);
  writeFileSync(kept, original);
  using file = open(join(here.root, "damaged-partial"), O_RDWR);
  await downloadBlob(source, blob, file.number);
});

registryTest("a manifest that is cut off on the registry's disk is refused", async () => {
  await using registry = await Registry.start(join(here.root, "cut"));
  const source = sourceOf(await pushNoise(here, registry, 1000));
  const { root } = await resolveImage(source, AMD64);
  truncateSync(registry.blobFile(root.descriptor.digest), root.bytes.length - 20);
  // It verifies what it keeps itself, and fails.
  expect(await failure(source.root())).toMatchObject({ fault: "server", hint: "Try again later" });
});
