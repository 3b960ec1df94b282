// The members of a tar file, found in one pass and read by their place afterwards: images in archives name their parts in
// any order. A compressed archive has no places: it is decompressed into a file that the caller provides.
import { pread, pwriteAll } from "../../ffi/positioned_io.ts";
import { compressionOf, decompress } from "../tar/decompress.ts";
import { TarReader } from "../tar/reader.ts";
import type { TarEntry, TarEvent } from "../tar/tar_entry.ts";
import { TarError } from "../tar/tar_error.ts";
import { type ImageFiles, READ_CHUNK } from "./image_files.ts";
import { OciError, quoted } from "./oci_error.ts";

type Member =
  | { readonly kind: "file"; readonly start: number; readonly size: number }
  /** `target` as a path from the archive's top. */
  | { readonly kind: "link"; readonly target: string };

/** Three for each of a thousand layers is the most that docker save writes. */
const MOST_MEMBERS = 100_000;
const MOST_LINKS = 8;
const LARGEST_ARCHIVE = 2 ** 38;
const MAGIC_LENGTH = 6;
const INDEX_CHUNK = 4 * READ_CHUNK;

export type ArchiveOptions = {
  /** An empty file, open for reading and writing; asked for when the archive is compressed. */
  readonly scratch: () => number;
  /** Bytes, of the archive once decompressed. */
  readonly largest?: number | undefined;
};

export class ArchiveFiles implements ImageFiles {
  readonly name: string;
  readonly #fd: number;
  readonly #members: ReadonlyMap<string, Member>;

  private constructor(name: string, fd: number, members: ReadonlyMap<string, Member>) {
    this.name = name;
    this.#fd = fd;
    this.#members = members;
  }

  /** `fd` is the open archive and stays the caller's, as the scratch file does. Throws {@link OciError}. */
  static async index(fd: number, name: string, options: ArchiveOptions): Promise<ArchiveFiles> {
    try {
      const plain = await plainArchive(fd, name, options);
      return new ArchiveFiles(name, plain, await indexMembers(plain, name));
    } catch (error) {
      if (error instanceof TarError) throw new OciError("content", name, error.message, "The archive is damaged");
      throw error;
    }
  }

  size(path: string): number | undefined {
    return this.#find(path)?.size;
  }

  async *read(path: string, from: number): AsyncGenerator<Uint8Array, void, void> {
    const member = this.#find(path);
    if (!member) throw new OciError("absent", this.name, `there is no ${quoted(path)} in it`);
    const { start, size } = member;
    yield* chunksOf(this.#fd, this.name, start + from, start + size);
  }

  close(): void {}

  /** Old versions of docker save write a layer once and links to it after that. */
  #find(path: string): (Member & { kind: "file" }) | undefined {
    let at = path;
    for (let links = 0; links <= MOST_LINKS; links++) {
      const member = this.#members.get(at);
      if (!member) return undefined;
      if (member.kind === "file") return member;
      at = member.target;
    }
    throw new OciError("content", this.name, `${quoted(path)} is behind more than ${MOST_LINKS} links`);
  }
}

/** The descriptor of the archive without its compression. */
async function plainArchive(fd: number, name: string, { scratch, largest = LARGEST_ARCHIVE }: ArchiveOptions) {
  const head = new Uint8Array(MAGIC_LENGTH);
  const length = pread(fd, name, head, 0);
  if (compressionOf(head.subarray(0, length)) === "none") return fd;
  const to = scratch();
  let at = 0;
  for await (const chunk of decompress(chunksOf(fd, name, 0, Number.POSITIVE_INFINITY), { bytes: largest })) {
    pwriteAll(to, name, chunk, at);
    at += chunk.length;
  }
  return to;
}

async function indexMembers(fd: number, name: string): Promise<ReadonlyMap<string, Member>> {
  const index = new Index(name);
  const reader = new TarReader();
  const buffer = new Uint8Array(INDEX_CHUNK);
  for (let offset = 0; ; ) {
    const chunk = buffer.subarray(0, pread(fd, name, buffer, offset));
    if (chunk.length === 0) break;
    for (const event of reader.push(chunk)) index.take(event, chunk, offset);
    offset += chunk.length;
    // Gigabytes: let others work in between.
    await new Promise(setImmediate);
  }
  reader.end();
  return index.members;
}

/** Members as the reader tells them; where a file's content begins is where its first data is in the chunk. */
class Index {
  readonly members = new Map<string, Member>();
  readonly #name: string;
  #entry: TarEntry | undefined;
  #start = 0;

  constructor(name: string) {
    this.#name = name;
  }

  take(event: TarEvent, chunk: Uint8Array, offset: number): void {
    if (event.kind === "entry") {
      this.#entry = event.entry;
      this.#start = 0;
    } else if (event.kind === "data") this.#place(event, offset + event.bytes.byteOffset - chunk.byteOffset);
    else this.#add();
  }

  #place({ position }: TarEvent & { kind: "data" }, at: number): void {
    if (position === 0) this.#start = at;
    if (at - this.#start !== position)
      throw new OciError("content", this.#name, `${quoted(this.#path())} is a sparse file, which no image has`);
  }

  #add(): void {
    const entry = this.#entry;
    const path = this.#path();
    if (!entry || path === undefined) return;
    const member = memberOf(entry, path, this.#start);
    if (!member) return;
    // Readers disagree on whether the first or the last one counts.
    if (this.members.has(path)) throw new OciError("content", this.#name, `${quoted(path)} is in it twice`);
    if (this.members.size === MOST_MEMBERS)
      throw new OciError("content", this.#name, `it has more than ${MOST_MEMBERS} members`);
    this.members.set(path, member);
  }

  #path(): string {
    return this.#entry ? (joined("", new TextDecoder().decode(this.#entry.name)) ?? "") : "";
  }
}

function memberOf(entry: TarEntry, path: string, start: number): Member | undefined {
  if (entry.type === "file") return { kind: "file", start, size: entry.size };
  if (entry.type !== "symlink" && entry.type !== "hardlink") return undefined;
  const parent = entry.type === "symlink" ? path.slice(0, Math.max(0, path.lastIndexOf("/"))) : "";
  const target = joined(parent, new TextDecoder().decode(entry.linkname));
  return target === undefined ? undefined : { kind: "link", target };
}

/** `path` from the folder `parent` of the archive, as a key: nothing is opened by it. `undefined` when it leads out. */
function joined(parent: string, path: string): string | undefined {
  const parts: string[] = [];
  for (const part of `${path.startsWith("/") ? "" : parent}/${path}`.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}

async function* chunksOf(fd: number, name: string, start: number, end: number): AsyncGenerator<Uint8Array, void, void> {
  for (let at = start; at < end; ) {
    const chunk = new Uint8Array(Math.min(READ_CHUNK, end - at));
    const length = pread(fd, name, chunk, at);
    if (length === 0) return;
    yield chunk.subarray(0, length);
    at += length;
  }
}
