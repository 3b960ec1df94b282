// Is the store what it should be? Every blob is hashed again, every tree compared with its description, every name followed. With
// `repair`, what is damaged is taken out, so that the next pull or run makes it anew, and what that loses is told.
import { AT_FDCWD, O_DIRECTORY, O_RDONLY, open, readText, stat, unlinkat } from "../../ffi/file.ts";
import { removeBlob, verifyBlob } from "./blobs.ts";
import { baseRoots } from "./environments.ts";
import { moveOut, removeMoved } from "./garbage.ts";
import { brokenIndex } from "./gc.ts";
import { filesOf, type ImageRecord, listRecords, removeRecordFile } from "./images.ts";
import { ageOf, storedBlobs, storedLayers, storedPartials, storedRootfs } from "./inventory.ts";
import type { JobOwnership, RunJob } from "./job.ts";
import {
  blobPath,
  type ContentDigest,
  diffIDOf,
  isLayerKey,
  isTreeName,
  type LayerKey,
  type TreeName,
} from "./layout.ts";
import { isLocked, tryLock } from "./lock.ts";
import { isEnvironmentName, parseBase } from "./open_environment.ts";
import { openStore, readVersion } from "./open_store.ts";

export type Problem = {
  readonly kind:
    | "damaged-blob"
    | "damaged-layer"
    | "damaged-rootfs"
    | "damaged-record"
    | "dangling-image"
    | "dangling-environment"
    | "broken-link"
    | "left-over"
    | "stale-lock"
    | "unknown-file";
  /** Relative to the store, or the name of an image or environment. */
  readonly object: string;
  readonly detail: string;
  /** With `repair`: has it been taken out? */
  readonly repaired: boolean;
  /** What that costs, or would cost; empty where nothing is lost. */
  readonly lost: string;
};

export type CheckOptions = {
  readonly store: string;
  readonly run: RunJob;
  readonly repair: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly progress?: (object: string) => void;
};

export type CheckReport = {
  readonly blobs: number;
  readonly layers: number;
  readonly rootfs: number;
  readonly images: number;
  readonly environments: number;
  /** Trees from before descriptions were written: they could only be looked at, not compared. */
  readonly undescribed: readonly string[];
  readonly problems: readonly Problem[];
};

/** Several processes may use the store meanwhile; what they are at is no problem. */
export async function checkStore(options: CheckOptions): Promise<CheckReport> {
  if (!stat(options.store)) return { ...EMPTY, problems: [] };
  readVersion(options.store);
  if (options.repair) openStore(options.store);
  return await new Check(options).report();
}

const EMPTY = { blobs: 0, layers: 0, rootfs: 0, images: 0, environments: 0, undescribed: [] };
/** A lock's file is there before it is locked. In milliseconds. */
const JUST_MADE = 2000;
const BLOB_FOLDERS = ["sha256", "sha512"];

class Check {
  readonly #options: CheckOptions;
  readonly #store: string;
  readonly #problems: Problem[] = [];
  readonly #undescribed: string[] = [];
  readonly #goodBlobs = new Set<ContentDigest>();
  readonly #goodDiffs = new Set<ContentDigest>();

  constructor(options: CheckOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  /** Blobs and layers first: images are judged by what is left of those. */
  async report(): Promise<CheckReport> {
    await this.#strangers();
    const blobs = await this.#blobs();
    const layers = await this.#layers();
    const rootfs = await this.#rootfs();
    const images = await this.#images();
    const environments = await this.#environments();
    this.#index();
    await this.#leftovers();
    return { blobs, layers, rootfs, images, environments, undescribed: this.#undescribed, problems: this.#problems };
  }

  async #blobs(): Promise<number> {
    const blobs = storedBlobs(this.#store);
    for (const digest of blobs) {
      this.#options.progress?.(digest);
      // Collected since the list was read.
      if (!stat(blobPath(this.#store, digest))) continue;
      if (await verifyBlob(this.#store, digest)) this.#goodBlobs.add(digest);
      else
        await this.#tell(
          "damaged-blob",
          digest,
          "its content has another digest",
          "it is fetched again when it is needed",
          () => {
            removeBlob(this.#store, digest);
            return true;
          },
        );
    }
    return blobs.length;
  }

  async #layers(): Promise<number> {
    const layers = storedLayers(this.#store);
    for (const key of layers) {
      const whole = await this.#tree("layers", key, isRange(key) ? "set" : "record");
      if (whole) this.#goodDiffs.add(diffIDOf(key));
    }
    return layers.length;
  }

  async #rootfs(): Promise<number> {
    const trees = storedRootfs(this.#store);
    for (const name of trees) await this.#tree("rootfs", name, isRange(name) ? "set" : "ignore");
    return trees.length;
  }

  async #tree(folder: "layers" | "rootfs", name: string, ownership: JobOwnership): Promise<boolean> {
    const path = `${this.#store}/${folder}/${name}`;
    this.#options.progress?.(`${folder}/${name}`);
    const problem = await this.#treeProblem(path, folder, ownership);
    if (problem === undefined) return true;
    // Taken away since the list was read.
    if (!stat(path, false)) return false;
    const kind = folder === "layers" ? "damaged-layer" : "damaged-rootfs";
    const lost = folder === "layers" ? "it is unpacked again at the next pull" : "it is unpacked again at the next run";
    await this.#tell(kind, `${folder}/${name}`, problem, lost, async () => {
      const moved = moveOut(this.#store, folder, name);
      if (moved !== undefined) await removeMoved(this.#store, moved, this.#options.run);
      return moved !== undefined;
    });
    return false;
  }

  async #treeProblem(path: string, folder: "layers" | "rootfs", ownership: JobOwnership): Promise<string | undefined> {
    if (!stat(`${path}/root`, false)) return "its tree is gone";
    if (!stat(`${path}/tree`, false)) {
      if (folder === "layers") return "its description is gone";
      this.#undescribed.push(`${folder}/${path.slice(path.lastIndexOf("/") + 1)}`);
      return undefined;
    }
    using parent = open(path, O_RDONLY | O_DIRECTORY);
    const { differences } = await this.#options.run({ kind: "verify", folder: parent.number, ownership });
    return differences.length === 0 ? undefined : differences.join("; ");
  }

  async #images(): Promise<number> {
    const records = listRecords(this.#store);
    for (const listed of records) {
      if (listed.kind === "damaged")
        await this.#tell(
          "damaged-record",
          `images/${listed.file}`,
          "it is no record of an image",
          "the name in it: pull the image again",
          () => removeRecordFile(`${this.#store}/images/${listed.file}`),
        );
      else await this.#image(listed.file, listed.record);
    }
    return records.length;
  }

  async #image(file: string, record: ImageRecord): Promise<void> {
    const missing = [
      ...[record.manifest, record.config].flatMap(({ digest }) => (this.#goodBlobs.has(digest) ? [] : [digest])),
      ...record.layers.flatMap(({ diffID, digest }) =>
        this.#goodDiffs.has(diffID) || this.#goodBlobs.has(digest) ? [] : [digest],
      ),
    ];
    if (missing.length === 0) return;
    const detail = `missing or damaged: ${[...new Set(missing)].join(", ")}`;
    await this.#tell("dangling-image", record.name, detail, `the image ${record.name}: pull it again`, () =>
      removeRecordFile(`${this.#store}/images/${file}`),
    );
  }

  async #environments(): Promise<number> {
    const names = filesOf(`${this.#store}/persist`).filter(isEnvironmentName);
    for (const name of names) {
      const path = `${this.#store}/persist/${name}`;
      const text = readText(`${path}/base`);
      const base = text === undefined ? undefined : parseBase(text);
      const lost = "nothing: what it holds stays as it is";
      if (text !== undefined && base === undefined)
        await this.#tell("damaged-record", `persist/${name}/base`, "it cannot be read", lost, () => {
          unlinkat(AT_FDCWD, `${path}/base`);
          return true;
        });
      const gone = base?.kind === "folder" ? [] : baseRoots(this.#store, base).filter((root) => !stat(root, false));
      if (gone.length > 0)
        await this.#tell(
          "dangling-environment",
          name,
          `its base is gone: ${gone.join(", ")}`,
          "make its base again: run or pull it",
          () => false,
        );
    }
    return names.length;
  }

  #index(): void {
    for (const file of brokenIndex(this.#store)) {
      const { repair } = this.#options;
      if (repair) unlinkat(AT_FDCWD, `${this.#store}/index/${file}`);
      this.#problems.push({
        kind: "broken-link",
        object: `index/${file}`,
        detail: "what it leads to is gone",
        repaired: repair,
        lost: "",
      });
    }
  }

  async #leftovers(): Promise<void> {
    const partials = new Set(storedPartials(this.#store));
    for (const name of filesOf(`${this.#store}/tmp`).filter((file) => !partials.has(file))) {
      if (isLocked(this.#store, name)) continue;
      await this.#tell("left-over", `tmp/${name}`, "whoever made it was killed", "", async () => {
        await removeMoved(this.#store, name, this.#options.run);
        return true;
      });
    }
    for (const name of filesOf(`${this.#store}/lock`)) {
      if (isLocked(this.#store, name) || ageOf(`${this.#store}/lock/${name}`, this.#options.now) < JUST_MADE) continue;
      await this.#tell("stale-lock", `lock/${name}`, "whoever held it was killed", "", () => this.#isFree(name));
    }
  }

  /** Files that are no name of the store's making: they are told and left alone. */
  async #strangers(): Promise<void> {
    const expected: readonly (readonly [string, (name: string) => boolean])[] = [
      ["layers", isLayerKey],
      ["rootfs", isTreeName],
      ["images", (name) => /^[0-9a-f]{64}$/.test(name)],
      ["persist", isEnvironmentName],
      ["blobs", (name) => BLOB_FOLDERS.includes(name)],
    ];
    for (const [folder, isOurs] of expected)
      for (const name of filesOf(`${this.#store}/${folder}`))
        if (!isOurs(name))
          await this.#tell("unknown-file", `${folder}/${name}`, "it is not of the store's making", "", () => false);
  }

  /** Taking the lock and letting it go removes its file. */
  #isFree(name: string): boolean {
    using lock = tryLock(this.#store, name);
    return lock !== undefined;
  }

  async #tell(
    kind: Problem["kind"],
    object: string,
    detail: string,
    lost: string,
    repair: () => boolean | Promise<boolean>,
  ): Promise<void> {
    const repaired = this.#options.repair && (await repair());
    this.#problems.push({ kind, object, detail, repaired, lost });
  }
}

function isRange(key: LayerKey | TreeName): boolean {
  return key.includes("-range-");
}
