// A job and its outcome as one line of JSON each, for the process that does it elsewhere (job.ts). What comes in is checked: the
// descriptors that a message names are all that its reader will touch.
import { SyscallError } from "../../ffi/syscall_error.ts";
import { RootfsError } from "../rootfs_error.ts";
import { TarError } from "../tar/tar_error.ts";
import type { Job, JobKind } from "./job.ts";
import { parseObject } from "./parse_object.ts";

export type JobOutcome =
  | { readonly kind: "done"; readonly result: unknown }
  | { readonly kind: "tar"; readonly reason: string; readonly offset: number; readonly entry: string | undefined }
  | { readonly kind: "syscall"; readonly call: string; readonly object: string; readonly errno: number }
  | {
      readonly kind: "rootfs";
      readonly step: string;
      readonly object: string;
      readonly cause: string;
      readonly hint: string;
    }
  | { readonly kind: "bug"; readonly message: string };

type Field = "descriptor" | "descriptors" | "text" | "name" | "limits" | readonly string[];

const OWNERSHIPS = ["ignore", "set", "record"] as const;

const FIELDS: { readonly [K in JobKind]: Readonly<Record<Exclude<keyof Extract<Job, { kind: K }>, "kind">, Field>> } = {
  unpack: {
    archive: "descriptor",
    root: "descriptor",
    tree: "descriptor",
    limits: "limits",
    whiteouts: ["plain", "overlay"],
    ownership: OWNERSHIPS,
    algorithm: ["sha256", "sha512"],
    object: "text",
  },
  remove: { folder: "descriptor", name: "name" },
  verify: { folder: "descriptor", ownership: OWNERSHIPS },
  measure: { root: "descriptor" },
  copy: { from: "descriptor", to: "descriptor" },
  pack: { root: "descriptor", archive: "descriptor", whiteouts: ["plain", "overlay"], object: "text" },
  compare: { upper: "descriptor", bases: "descriptors" },
  archive: { trees: "descriptors", output: "descriptor", whiteouts: ["merge", "overlay"], ownership: OWNERSHIPS },
};

/** A name of one component, as the store makes them. */
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._@-]{1,255}$/;

export function encodeJob(job: Job): string {
  return JSON.stringify(job);
}

/** `undefined` for anything that {@link encodeJob} does not make. */
export function parseJob(text: string): Job | undefined {
  const value = parseObject(text);
  const kind = value?.kind;
  if (value === undefined || typeof kind !== "string" || !Object.hasOwn(FIELDS, kind)) return undefined;
  const fields: Readonly<Record<string, Field>> = FIELDS[kind as JobKind];
  const names = Object.keys(fields);
  const complete = Object.keys(value).length === names.length + 1;
  return complete && names.every((name) => isValid(value[name], fields[name] ?? "name")) ? (value as Job) : undefined;
}

/** The descriptors of a job, which must reach the process that does it. */
export function descriptorsOf(job: Job): readonly number[] {
  const fields: Readonly<Record<string, Field>> = FIELDS[job.kind];
  const values = job as unknown as Readonly<Record<string, unknown>>;
  return Object.entries(fields).flatMap(([name, field]) =>
    field === "descriptor" || field === "descriptors" ? (values[name] as number | readonly number[]) : [],
  );
}

/** What `work` comes to, errors that have a meaning for the other side included. */
export async function outcomeOf(work: () => Promise<unknown>): Promise<JobOutcome> {
  try {
    return { kind: "done", result: await work() };
  } catch (error) {
    if (error instanceof TarError)
      return { kind: "tar", reason: error.reason, offset: error.offset, entry: error.entry };
    if (error instanceof SyscallError)
      return { kind: "syscall", call: error.call, object: error.object, errno: error.errno };
    if (error instanceof RootfsError)
      return { kind: "rootfs", step: error.step, object: error.object, cause: error.cause, hint: error.hint };
    return { kind: "bug", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** The result of the job, or its error thrown here as it was thrown there. `text` comes from a process of ours. */
export function takeOutcome(text: string): unknown {
  const outcome = parseObject(text) as JobOutcome | undefined;
  switch (outcome?.kind) {
    case "done":
      return outcome.result;
    case "tar":
      throw new TarError(outcome.reason, outcome.offset, outcome.entry);
    case "syscall":
      throw new SyscallError(outcome.call, outcome.object, outcome.errno);
    case "rootfs":
      throw new RootfsError(outcome.step, outcome.object, outcome.cause, outcome.hint);
    case "bug":
      throw new Error(`in the process that does the store's work: ${outcome.message}`);
    default:
      throw new RootfsError("work on", "the store", "the process that does it has ended without a word");
  }
}

function isValid(value: unknown, field: Field): boolean {
  switch (field) {
    case "descriptor":
      return isDescriptor(value);
    case "descriptors":
      return Array.isArray(value) && value.every(isDescriptor);
    case "text":
      return typeof value === "string" && value.length <= 4096;
    case "name":
      return typeof value === "string" && NAME.test(value);
    case "limits":
      return isLimits(value);
    default:
      return typeof value === "string" && field.includes(value);
  }
}

function isDescriptor(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 3 && (value as number) < 2 ** 31;
}

function isLimits(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { bytes, entries } = value as Readonly<Record<string, unknown>>;
  return [bytes, entries].every((number) => Number.isSafeInteger(number) && (number as number) >= 0);
}
