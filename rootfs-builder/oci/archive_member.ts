// Members of the archives that images are saved in: plain files without an owner or a time, so that the same images give the same bytes.
import { NO_XATTRS } from "../tar/pax_xattrs.ts";
import type { WriterEntry } from "../tar/writer.ts";
import type { Descriptor } from "./descriptor.ts";
import type { BlobSource } from "./image_to_save.ts";
import { BlobVerifier, verifiedStream } from "./verified_stream.ts";

const COMMON = { uid: 0, gid: 0, mtime: 0n, xattrs: NO_XATTRS } as const;

export function documentMember(path: string, document: object | Uint8Array): WriterEntry {
  const bytes = document instanceof Uint8Array ? document : new TextEncoder().encode(JSON.stringify(document));
  return { type: "file", name: nameBytes(path), mode: 0o644, size: bytes.length, content: [bytes], ...COMMON };
}

/** Verified while it is written. */
export function blobMember(path: string, descriptor: Descriptor, source: BlobSource): WriterEntry {
  const content = verifiedStream(source.blob(descriptor), new BlobVerifier(descriptor, source.name));
  return { type: "file", name: nameBytes(path), mode: 0o644, size: descriptor.size, content, ...COMMON };
}

export function folderMember(path: string): WriterEntry {
  return { type: "directory", name: nameBytes(path), mode: 0o755, ...COMMON };
}

function nameBytes(path: string): Uint8Array {
  return new TextEncoder().encode(path);
}
