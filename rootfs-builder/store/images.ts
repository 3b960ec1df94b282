// The names of images. A name is one small file that is replaced whole: a reader sees the old image or the new one. It holds
// what starting, listing and collecting need, so that manifests are read by whoever wants more than that.
import { ERRNO } from "../../ffi/errno.ts";
import {
  AT_FDCWD,
  O_CREAT,
  O_DIRECTORY,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  open,
  readdir,
  readText,
  rename,
  unlinkat,
  writeAll,
} from "../../ffi/file.ts";
import { syncFile } from "../../ffi/node_at.ts";
import { printable } from "../../ffi/path_at.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { RootfsError } from "../rootfs_error.ts";
import type { StoredDescriptor } from "./blobs.ts";
import { type ContentDigest, imagePath, isContentDigest } from "./layout.ts";
import { takeLock } from "./lock.ts";
import { parseObject } from "./parse_object.ts";

export type StoredLayer = StoredDescriptor & { readonly diffID: ContentDigest };

export type ImageRecord = {
  readonly name: string;
  readonly manifest: StoredDescriptor;
  readonly config: StoredDescriptor;
  /** Lowest first. */
  readonly layers: readonly StoredLayer[];
  /** Milliseconds since 1970. */
  readonly stored: number;
};

const LARGEST = 1 << 20;
const MOST_LAYERS = 1000;
const LONGEST_NAME = 1024;
const FILE = /^[0-9a-f]{64}$/;

/** The image of that name; `undefined` when there is none. Throws {@link RootfsError} for a record that is damaged. */
export function findImage(store: string, name: string): ImageRecord | undefined {
  const text = readText(imagePath(store, name), LARGEST);
  if (text === undefined) return undefined;
  const record = parseImageRecord(text);
  if (record?.name === name) return record;
  throw new RootfsError(
    "use",
    name,
    "what the store knows of it is damaged",
    "sandbox system check --repair, then pull it again",
  );
}

/** As {@link findImage}; a name that is not there is an error. */
export function requireImage(store: string, name: string): ImageRecord {
  const record = findImage(store, name);
  if (record) return record;
  throw new RootfsError("use", name, "there is no such image in the store", "sandbox image ls shows what is there");
}

export type ListedRecord =
  | { readonly kind: "image"; readonly file: string; readonly record: ImageRecord }
  | { readonly kind: "damaged"; readonly file: string };

/** All names, in the order of their text; damaged records last. */
export function listRecords(store: string): readonly ListedRecord[] {
  const files = filesOf(`${store}/images`).filter((file) => FILE.test(file));
  const records = files.flatMap((file) => readRecord(store, file));
  const key = (record: ListedRecord): string => (record.kind === "image" ? `0${record.record.name}` : "1");
  return records.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

export function listImages(store: string): readonly ImageRecord[] {
  return listRecords(store).flatMap((listed) => (listed.kind === "image" ? [listed.record] : []));
}

/** Alone among those who change names, and those who collect what no name leads to. */
export async function changingImages<T>(store: string, work: () => T | Promise<T>): Promise<T> {
  using _lock = await takeLock(store, "images");
  return await work();
}

/** Within {@link changingImages} only. */
export function writeRecord(store: string, record: ImageRecord): void {
  const temporary = `${store}/tmp/images`;
  using file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o600);
  writeAll(file.number, temporary, new TextEncoder().encode(`${JSON.stringify({ version: 1, ...record })}\n`));
  syncFile(file.number, temporary);
  rename(AT_FDCWD, temporary, AT_FDCWD, imagePath(store, record.name));
  using folder = open(`${store}/images`, O_RDONLY | O_DIRECTORY);
  syncFile(folder.number, "images");
}

/** A further name for an image; one that is taken is moved. */
export async function tagImage(store: string, from: string, to: string): Promise<ImageRecord> {
  refuseName(to);
  return await changingImages(store, () => {
    const record = { ...requireImage(store, from), name: to };
    writeRecord(store, record);
    return record;
  });
}

/** Takes a name away; what it led to goes with the next collection when no other name does. Damaged ones go as well. */
export async function untagImage(store: string, name: string): Promise<void> {
  await changingImages(store, () => {
    if (!removeRecordFile(imagePath(store, name))) requireImage(store, name);
  });
}

/** False when there is none. */
export function removeRecordFile(path: string): boolean {
  try {
    unlinkat(AT_FDCWD, path);
    return true;
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) return false;
    throw error;
  }
}

/** `undefined` for what {@link writeRecord} does not write. */
export function parseImageRecord(text: string): ImageRecord | undefined {
  const value = parseObject(text);
  if (value?.version !== 1 || typeof value.name !== "string" || !isName(value.name)) return undefined;
  const [manifest, config] = [parseDescriptor(value.manifest), parseDescriptor(value.config)];
  const { layers, stored } = value;
  if (!manifest || !config || !Array.isArray(layers) || layers.length > MOST_LAYERS || !isCount(stored))
    return undefined;
  const parsed = layers.map(parseLayer);
  if (!parsed.every((layer) => layer !== undefined)) return undefined;
  return { name: value.name, manifest, config, layers: parsed, stored };
}

export function refuseName(name: string): void {
  if (!isName(name))
    throw new RootfsError("name an image", JSON.stringify(name), "a name has 1 to 1024 printable characters");
}

/** What a name may be is the reference grammar's to say; the store takes all that one line of a list can show. */
function isName(name: string): boolean {
  return name.length > 0 && name.length <= LONGEST_NAME && /^[!-~]+$/.test(name);
}

function parseLayer(value: unknown): StoredLayer | undefined {
  const descriptor = parseDescriptor(value);
  const { diffID } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return descriptor && isContentDigest(diffID) ? { ...descriptor, diffID } : undefined;
}

function parseDescriptor(value: unknown): StoredDescriptor | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { mediaType, digest, size } = value as Readonly<Record<string, unknown>>;
  return typeof mediaType === "string" && isContentDigest(digest) && isCount(size)
    ? { mediaType, digest, size }
    : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function readRecord(store: string, file: string): readonly ListedRecord[] {
  const text = readText(`${store}/images/${file}`, LARGEST);
  // Untagged since the folder was read.
  if (text === undefined) return [];
  const record = parseImageRecord(text);
  const inPlace = record !== undefined && imagePath(store, record.name).endsWith(`/${file}`);
  return [inPlace ? { kind: "image", file, record } : { kind: "damaged", file }];
}

/** Names in a folder of the store, sorted; none where it is not there. */
export function filesOf(path: string): readonly string[] {
  try {
    using folder = open(path, O_RDONLY | O_DIRECTORY);
    return readdir(folder.number, path)
      .map(({ name }) => printable(name))
      .sort();
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) return [];
    throw error;
  }
}
