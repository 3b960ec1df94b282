// A recipe → an image of the store. Each section is a step with a key of its own: what it is made on, its text, and the content of the files
// that it takes. The last step that is there already is where building begins; where all are, nothing is done.

import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { O_DIRECTORY, O_RDONLY, open } from "../../../ffi/file.ts";
import {
  baseOf,
  buildStage,
  configureStage,
  findStage,
  type Made,
  type StageOptions,
  touchStage,
  type Workshop,
} from "../../../rootfs-builder/recipe/build_stage.ts";
import { COPIED_FILE, type Copied, digestCopied, takeCopy } from "../../../rootfs-builder/recipe/copied_tree.ts";
import { type StageKey, stageKey } from "../../../rootfs-builder/recipe/stage_key.ts";
import { restoreLayers } from "../../../rootfs-builder/restore_layers.ts";
import type { ImageRecord } from "../../../rootfs-builder/store/images.ts";
import { useLayers } from "../../../rootfs-builder/store/use_image.ts";
import { requestFault } from "../../base/fault.ts";
import type { Context } from "../find_image.ts";
import { pullOptions } from "../pull_from.ts";
import { baseStage } from "./base_stage.ts";
import type { BuildNetwork } from "./build_network.ts";
import { readRecipe } from "./read_recipe.ts";
import type { Recipe } from "./recipe.ts";
import { requireStep } from "./run_step.ts";
import {
  copyCommand,
  copyPlace,
  packageCommand,
  packagePlace,
  runCommand,
  type StageCommand,
} from "./stage_commands.ts";

export type BuildRequest = Context & {
  /** Absolute. */
  readonly path: string;
  /** The path in messages. */
  readonly shown: string;
  readonly network: BuildNetwork;
  /** Take steps that were made before? */
  readonly cache: boolean;
  readonly tell: (told: BuildProgress) => void;
};

export type BuildProgress =
  | { readonly kind: "cached" | "building" | "waiting"; readonly section: string }
  | { readonly kind: "command"; readonly command: string };

type Section = {
  readonly name: "packages" | "copy" | "run" | "env";
  /** Of the key. */
  readonly parts: readonly string[];
  readonly files: readonly { readonly path: string; readonly copied: Copied; readonly place: string }[];
  readonly commands: readonly StageCommand[];
};

type Step = Section & { readonly key: StageKey };

/** Throws FaultError and RootfsError; no name leads to what has failed. */
export async function buildRecipe(request: BuildRequest): Promise<ImageRecord> {
  const recipe = await readRecipe(request.path, request.shown);
  return await new Build(recipe, request).image();
}

class Build {
  readonly #recipe: Recipe;
  readonly #request: BuildRequest;
  readonly #folder: string;
  readonly #options: StageOptions;

  constructor(recipe: Recipe, request: BuildRequest) {
    this.#recipe = recipe;
    this.#request = request;
    this.#folder = dirname(request.path);
    const waiting = (): void => request.tell({ kind: "waiting", section: "another process" });
    const { progress: _, ...options } = pullOptions(request.store, request.jobs, request.lookups);
    this.#options = { ...options, anew: !request.cache, waiting };
  }

  async image(): Promise<ImageRecord> {
    const base = await baseStage(this.#recipe, this.#request.path, this.#request, this.#options);
    const steps = chain(base.key, await this.#sections());
    const found = this.#request.cache ? steps.findLastIndex(({ key }) => findStage(key, this.#options)) : -1;
    const cached = steps.slice(0, found + 1);
    for (const { name } of cached) this.#request.tell({ kind: "cached", section: name });
    await this.#touch(cached);
    const last = cached.at(-1);
    let record = (last && findStage(last.key, this.#options)) ?? (await base.record());
    for (const step of steps.slice(found + 1)) record = await this.#make(step, record);
    return record;
  }

  async #sections(): Promise<readonly Section[]> {
    const { packages, run, env } = this.#recipe;
    const files = packages.map(({ ...item }, index) => ({ item, index }));
    const packed = await Promise.all(
      files.flatMap(({ item, index }) => (item.kind === "file" ? [this.#file(item.path, packagePlace(index))] : [])),
    );
    const copied = await Promise.all(this.#recipe.copy.map(({ from }, index) => this.#file(from, copyPlace(index))));
    const variables = env.map(([name, value]) => `${name}=${value}`);
    const sections: readonly Section[] = [
      {
        name: "packages",
        parts: packages.length > 0 ? [JSON.stringify(packages)] : [],
        files: packed,
        commands: [packageCommand(packages, this.#request.network)],
      },
      {
        name: "copy",
        parts: this.#recipe.copy.map(({ from, to }) => JSON.stringify([nameOf(from), to])),
        files: copied,
        commands: this.#recipe.copy.flatMap((item, index) => {
          const file = copied[index];
          return file ? [copyCommand(item, file.copied, index)] : [];
        }),
      },
      {
        name: "run",
        parts: run.length > 0 ? [JSON.stringify({ run, variables })] : [],
        files: [],
        commands: run.map(runCommand),
      },
      { name: "env", parts: variables, files: [], commands: [] },
    ];
    return sections.filter(({ parts }) => parts.length > 0);
  }

  async #file(path: string, place: string): Promise<Section["files"][number]> {
    return { path, place, copied: await digestCopied(this.#folder, path) };
  }

  async #touch(steps: readonly Step[]): Promise<void> {
    for (const { key } of steps) {
      const record = findStage(key, this.#options);
      if (record) await touchStage(record, this.#options);
    }
  }

  async #make(step: Step, below: ImageRecord): Promise<ImageRecord> {
    this.#request.tell({ kind: "building", section: step.name });
    const stage = {
      key: step.key,
      base: baseOf(below, this.#request.store),
      createdBy: `sandbox image build: ${step.commands.map(({ shown }) => shown).join("; ") || step.name}`,
      object: this.#request.shown,
    };
    if (step.name === "env") return await configureStage(stage, step.parts, this.#options);
    return await buildStage(stage, this.#options, (workshop) => this.#work(step, below, workshop));
  }

  async #work(step: Step, below: ImageRecord, { folder, lock }: Workshop): Promise<Made> {
    const layers = await this.#layers(below);
    for (const path of ["", "/upper", "/work", "/files"]) mkdirSync(`${folder}/overlay${path}`, 0o755);
    const mounts = await this.#takeFiles(step, `${folder}/overlay/files`);
    const flags = [...this.#flags(step, below), ...mounts];
    const place = { layers, upper: `${folder}/overlay`, lock, flags };
    for (const command of step.commands) {
      this.#request.tell({ kind: "command", command: command.shown });
      await requireStep(command, place, this.#request.shown);
    }
    return { path: `${folder}/overlay/upper`, whiteouts: "overlay" };
  }

  /** Copies of what the key tells, so that nothing which changes meanwhile gets in. */
  async #takeFiles({ files }: Step, into: string): Promise<readonly string[]> {
    const mounts: string[] = [];
    for (const [index, { path, copied, place }] of files.entries()) {
      const copy = `${into}/${index}`;
      mkdirSync(copy, 0o700);
      using folder = open(copy, O_RDONLY | O_DIRECTORY);
      await takeCopy(this.#folder, path, copied, folder.number);
      const source = copied.kind === "file" ? `${copy}/${COPIED_FILE}` : copy;
      mounts.push("--volume", `${source}:${place}:ro`);
    }
    return mounts;
  }

  #flags({ name }: Step, below: ImageRecord): readonly string[] {
    const { network, jobs, store } = this.#request;
    const config = baseOf(below, store).config.config as { readonly Env?: unknown } | undefined;
    const own = Array.isArray(config?.Env) ? config.Env.map(String) : [];
    const recipe = name === "run" ? this.#recipe.env.map(([key, value]) => `${key}=${value}`) : [];
    return [
      ...["--user", "0:0", "--no-tty", "--net", network, "--userns", jobs.ownership.kind],
      ...[...own, ...recipe].flatMap((entry) => ["--env", entry]),
    ];
  }

  async #layers(record: ImageRecord): Promise<readonly string[]> {
    const { store, jobs } = this.#request;
    const use = () => useLayers(store, record, jobs.ownership);
    const image = use() ?? (await restoreLayers(record, this.#options).then(use));
    if (!image)
      throw requestFault(`Cannot build ${this.#request.shown}`, "a layer was removed meanwhile", "build again");
    // Held until the process ends, which is when the image has its name.
    for (const lock of image.locks) lock.release();
    return [...image.roots].reverse();
  }
}

function chain(base: StageKey, sections: readonly Section[]): readonly Step[] {
  const steps: Step[] = [];
  for (const section of sections) {
    const digests = section.files.map(({ copied }) => `${copied.kind} ${copied.digest}`);
    const parent = steps.at(-1)?.key ?? base;
    steps.push({ ...section, key: stageKey(parent, [section.name, ...section.parts, "files", ...digests]) });
  }
  return steps;
}

/** Of a file, its name counts where its destination is a folder; of a folder, it does not. */
function nameOf(path: string): string {
  return path.split("/").at(-1) ?? path;
}
