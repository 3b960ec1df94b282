// Is one image what it was when it came? What check.ts does for all of the store, for the parts of one name.
import { O_DIRECTORY, O_RDONLY, open, stat } from "../../ffi/file.ts";
import { verifyBlob } from "./blobs.ts";
import type { ImageRecord } from "./images.ts";
import { storedLayers } from "./inventory.ts";
import type { RunJob } from "./job.ts";
import { blobPath, type ContentDigest, diffIDOf, type LayerKey } from "./layout.ts";

/** What is wrong, for people; empty for an image that is whole. Layers that were not kept as they were sent are no problem. */
export async function verifyImage(store: string, record: ImageRecord, run: RunJob): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const { digest } of [record.manifest, record.config])
    problems.push(...(await blobProblems(store, digest, "is missing")));
  const keys = storedLayers(store);
  for (const { digest, diffID } of record.layers) {
    const forms = keys.filter((key) => diffIDOf(key) === diffID);
    problems.push(...(await blobProblems(store, digest, forms.length > 0 ? undefined : "is missing")));
    for (const key of forms) problems.push(...(await treeProblems(store, key, run)));
  }
  return [...new Set(problems)];
}

async function blobProblems(
  store: string,
  digest: ContentDigest,
  missing: string | undefined,
): Promise<readonly string[]> {
  const object = `the blob ${digest}`;
  if (!stat(blobPath(store, digest), false)) return missing === undefined ? [] : [`${object} ${missing}`];
  return (await verifyBlob(store, digest)) ? [] : [`${object} has other content than its digest says`];
}

async function treeProblems(store: string, key: LayerKey, run: RunJob): Promise<readonly string[]> {
  const path = `${store}/layers/${key}`;
  using folder = open(path, O_RDONLY | O_DIRECTORY);
  const ownership = key.includes("-range-") ? "set" : "record";
  if (!stat(`${path}/tree`, false)) return [`the layer ${key}: its description is gone`];
  const { differences } = await run({ kind: "verify", folder: folder.number, ownership });
  return differences.map((difference) => `the layer ${key}: ${difference}`);
}
