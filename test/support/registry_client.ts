// What the tests of registries share: pushing with skopeo, the client under test without waits, and what comes of it.
import { expect } from "bun:test";
import { createCipheriv } from "node:crypto";
import { type ImageSource, readVerified } from "../../rootfs-builder/oci/image_source.ts";
import { OciError } from "../../rootfs-builder/oci/oci_error.ts";
import { parsePlatform } from "../../rootfs-builder/oci/platform.ts";
import { parseReference } from "../../rootfs-builder/oci/reference.ts";
import { type RegistryOptions, RegistrySource } from "../../rootfs-builder/oci/registry/registry_source.ts";
import { type ImageLayer, type ResolvedImage, resolveImage } from "../../rootfs-builder/oci/resolve_image.ts";
import { makeImage } from "../fixtures/rootfs-builder/oci/image.ts";
import { writeLayout } from "../fixtures/rootfs-builder/oci/layout.ts";
import type { Registry } from "./registry.ts";
import type { Workspace } from "./workspace.ts";

export const AMD64 = { platform: parsePlatform("linux/amd64") };
export const QUICK = { attempts: 3, firstDelay: 1, longestDelay: 2 };

export function sourceOf(name: string, options: Partial<RegistryOptions> = {}): RegistrySource {
  return new RegistrySource(parseReference(name), { environment: {}, insecure: true, retries: QUICK, ...options });
}

/** A command on the host that must succeed; what it prints. */
export async function succeed(here: Workspace, ...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await here.host(argv);
  if (code !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
  return stdout;
}

export async function push(here: Workspace, from: string, to: string, ...options: readonly string[]): Promise<void> {
  const tls = "--dest-tls-verify=false";
  await succeed(here, "skopeo", "copy", "--insecure-policy", tls, ...options, from, `docker://${to}`);
}

/** Pushes an image of one layer of about `size` bytes; gives its name. */
export async function pushNoise(here: Workspace, registry: Registry, size: number): Promise<string> {
  const layout = here.folder(`noise-${size}`);
  await writeLayout(layout, [{ image: makeImage({ layers: [noise(size)], level: 0 }), tag: "v1" }]);
  await push(here, `oci:${layout}:v1`, `${registry.host}/noise:v1`);
  return `${registry.host}/noise:v1`;
}

/** Bytes that do not compress; the same every time. */
function noise(size: number): Uint8Array {
  return createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** The contents of the layers' first files. */
export async function texts(source: ImageSource, image: ResolvedImage): Promise<string[]> {
  const found: string[] = [];
  for (const { descriptor, compression } of image.layers) {
    const bytes = Buffer.from(await readVerified(source, descriptor, 1 << 24));
    const plain = compression === "gzip" ? Bun.gunzipSync(bytes) : bytes;
    found.push(new TextDecoder().decode(plain.subarray(512)).replace(/\0+$/, ""));
  }
  return found;
}

export async function firstLayer(source: ImageSource): Promise<ImageLayer["descriptor"]> {
  const [layer] = (await resolveImage(source, AMD64)).layers;
  if (layer) return layer.descriptor;
  throw new Error("the image has no layers");
}

/** The OciError that `work` ends with. */
export async function failure(work: Promise<unknown>): Promise<OciError> {
  const error = await work.then(() => undefined).catch((error: unknown) => error);
  if (error instanceof OciError) return error;
  throw error ?? new Error("it did not fail");
}

export function expectDigest(bytes: Uint8Array, digest: string): void {
  expect(`sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`).toBe(digest);
}

export function basicAuth(user: string, password: string): { readonly auth: string } {
  return { auth: Buffer.from(`${user}:${password}`).toString("base64") };
}

/** A certificate for one host, and its key. */
export async function selfSigned(
  here: Workspace,
  host: string,
): Promise<{ readonly key: string; readonly certificate: string }> {
  const [key, certificate] = [here.file(`${host}.key`), here.file(`${host}.crt`)];
  const name = /^[\d.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`;
  const subject = ["-subj", `/CN=${host}`, "-addext", `subjectAltName=${name}`];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await succeed(here, "openssl", "req", "-x509", ...kind, "-keyout", key, "-out", certificate, ...subject);
  return { key, certificate };
}
