// An image in a registry: the pull part of the OCI distribution specification 1.1. Requests that fail for a while are made
// again, later each time; what is answered is verified where it is small, and streamed where it is not.
import { version } from "../../../package.json";
import { backoff, type Clock, DEFAULT_RETRIES, type RetryPolicy, systemClock } from "../clock.ts";
import type { Descriptor } from "../descriptor.ts";
import { algorithmOf, digestOf, isDigest, shortDigest } from "../digest.ts";
import { describe, type ImageRoot, type ImageSource } from "../image_source.ts";
import { LARGEST_MANIFEST } from "../manifest.ts";
import { ACCEPTED_MANIFESTS, bareMediaType } from "../media_type.ts";
import { OciError, quoted } from "../oci_error.ts";
import { canonicalText, type Reference } from "../reference.ts";
import { BlobVerifier } from "../verified_stream.ts";
import { Authorizer } from "./authorizer.ts";
import { findCredentials } from "./credentials.ts";
import { explainStatus } from "./failure.ts";
import { type HttpAnswer, HttpClient, type HttpLimits } from "./http_client.ts";
import type { Environment } from "./proxy.ts";
import { retryAfter } from "./retry_after.ts";

export type RegistryOptions = {
  /** Proxies, and where logins are stored. */
  readonly environment: Environment;
  /** Without TLS, or with a certificate that nobody vouches for; by the user's explicit wish only. */
  readonly insecure?: boolean | undefined;
  /** Certificates to trust beside the usual ones, in PEM. */
  readonly certificates?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly retries?: RetryPolicy | undefined;
  readonly limits?: HttpLimits | undefined;
};

const HUB = "docker.io";
const HUB_HOST = "registry-1.docker.io";
/** Longer than this nobody waits for a server that asks for it. */
const LONGEST_WAIT = 60_000;

type Ask = {
  readonly method: "GET" | "HEAD";
  /** Below `/v2/NAME/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For messages: `the manifest 3.22`. */
  readonly what: string;
};

export class RegistrySource implements ImageSource {
  readonly name: string;
  readonly #reference: Reference;
  readonly #http: HttpClient;
  readonly #authorizer: Authorizer;
  readonly #clock: Clock;
  readonly #retries: RetryPolicy;
  readonly #insecure: boolean;
  #base: Promise<URL> | undefined;
  /** A server that has answered before is worth waiting for; one that never has is likely not there. */
  #reached = false;

  constructor(reference: Reference, options: RegistryOptions) {
    const { environment, insecure = false, clock = systemClock, certificates, limits } = options;
    const userAgent = options.userAgent ?? `sandbox/${version}`;
    this.name = canonicalText(reference);
    this.#reference = reference;
    this.#clock = clock;
    this.#insecure = insecure;
    this.#retries = options.retries ?? DEFAULT_RETRIES;
    this.#http = new HttpClient({ environment, clock, userAgent, insecure, certificates, limits });
    this.#authorizer = new Authorizer({
      http: this.#http,
      clock,
      insecure,
      where: this.name,
      scope: `repository:${reference.path}:pull`,
      credentials: once(() => findCredentials(reference, environment, clock)),
    });
  }

  /** The manifest or index that the reference names. */
  async root(): Promise<ImageRoot> {
    const { tag, digest } = this.#reference;
    const name = digest ?? tag ?? "";
    const { bytes, headers } = await this.#document(name);
    const descriptor = describe(bytes, bareMediaType(headers.get("content-type") ?? ""));
    if (digest === undefined) this.#verifyDeclared(bytes, headers);
    else if (digestOf(bytes, algorithmOf(digest)) !== digest) throw this.#wrongContent(name);
    return { bytes, descriptor: digest === undefined ? descriptor : { ...descriptor, digest } };
  }

  async manifest(descriptor: Descriptor): Promise<Uint8Array> {
    const { bytes } = await this.#document(descriptor.digest);
    const verifier = new BlobVerifier(descriptor, this.name);
    verifier.eat(bytes);
    verifier.finish();
    return bytes;
  }

  /** What the tag is now, without reading it: a HEAD request, which registries do not count as a pull. */
  async head(): Promise<Pick<Descriptor, "mediaType" | "digest" | "size"> | undefined> {
    const name = this.#reference.digest ?? this.#reference.tag ?? "";
    const { headers } = await this.#retrying(async () => {
      const answer = await this.#ask(this.#askManifest("HEAD", name));
      answer.discard();
      return answer;
    });
    const digest = headers.get("docker-content-digest") ?? "";
    const size = Number(headers.get("content-length") ?? Number.NaN);
    if (!isDigest(digest) || !Number.isSafeInteger(size)) return undefined;
    return { digest, size, mediaType: bareMediaType(headers.get("content-type") ?? "") };
  }

  async *blob(descriptor: Descriptor, from = 0): AsyncGenerator<Uint8Array, void, void> {
    const answer = await this.#retrying(() =>
      this.#ask({
        method: "GET",
        path: `blobs/${descriptor.digest}`,
        headers: from > 0 ? { range: `bytes=${from}-` } : {},
        what: `the blob ${shortDigest(descriptor.digest)}`,
      }),
    );
    const skipped = this.#startOf(answer, descriptor, from);
    yield* skipped === 0 ? answer.body() : without(answer.body(), skipped);
  }

  /** Is there a registry, and do we get in? Throws {@link OciError} when not. */
  async ping(): Promise<void> {
    await this.#retrying(async () => {
      const answer = await this.#http.exchange(new URL("/v2/", await this.#origin()), { method: "GET", headers: {} });
      answer.discard();
      if (answer.status !== 200 && answer.status !== 401) throw await explainStatus(answer, this.name, "its version");
    });
  }

  close(): void {}

  /** The whole of a manifest or index, and the answer's header. */
  async #document(name: string): Promise<{ bytes: Uint8Array; headers: Headers }> {
    return await this.#retrying(async () => {
      const answer = await this.#ask(this.#askManifest("GET", name));
      const told = Number(answer.headers.get("content-length") ?? Number.NaN);
      const bytes = await answer.bytes(LARGEST_MANIFEST);
      if (!Number.isNaN(told) && told !== bytes.length)
        throw new OciError("network", this.name, `the manifest broke off after ${bytes.length} of ${told} bytes`);
      return { bytes, headers: answer.headers };
    });
  }

  #askManifest(method: "GET" | "HEAD", name: string): Ask {
    const what = isDigest(name) ? shortDigest(name) : quoted(name);
    return {
      method,
      path: `manifests/${name}`,
      headers: { accept: ACCEPTED_MANIFESTS.join(", ") },
      what: `the manifest ${what}`,
    };
  }

  /** The answer, of status 200 or 206. A 401 is answered once: the token may have ended, or not have been asked for yet. */
  async #ask({ method, path, headers, what }: Ask): Promise<HttpAnswer> {
    const url = new URL(`/v2/${this.#reference.path}/${path}`, await this.#origin());
    const used = await this.#authorizer.header();
    let answer = await this.#http.exchange(url, { method, headers, authorization: used });
    if (answer.status === 401 && answer.url.origin === url.origin && answer.headers.has("www-authenticate")) {
      answer.discard();
      const authorization = await this.#authorizer.answer(answer.headers.get("www-authenticate") ?? "", used);
      answer = await this.#http.exchange(url, { method, headers, authorization });
    }
    this.#reached = true;
    if (answer.status === 200 || answer.status === 206) return answer;
    const wait = retryAfter(answer.headers.get("retry-after"), this.#clock.now());
    throw new Refusal(await explainStatus(answer, this.name, what), wait);
  }

  /** How many bytes of the body are before `from`. Refuses an answer that is plainly not that part of that blob. */
  #startOf(answer: HttpAnswer, { size, digest }: Descriptor, from: number): number {
    const wrong = (reason: string): OciError => {
      answer.discard();
      return new OciError("content", `${this.name}, the blob ${shortDigest(digest)}`, reason);
    };
    const encoding = answer.headers.get("content-encoding") ?? "identity";
    if (encoding !== "identity") throw wrong(`it comes in the encoding ${quoted(encoding)}, which was not asked for`);
    if (answer.status === 206) {
      const range = answer.headers.get("content-range") ?? "";
      if (range === `bytes ${from}-${size - 1}/${size}` || range === `bytes ${from}-${size - 1}/*`) return 0;
      throw wrong(`the range from ${from} of ${size} bytes was asked for, and ${quoted(range)} came`);
    }
    const told = answer.headers.get("content-length");
    if (told !== null && Number(told) !== size)
      throw wrong(`its descriptor says ${size} bytes, and the registry has ${quoted(told)}`);
    return from;
  }

  /** `work`, again after failures that pass. */
  async #retrying<T>(work: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures++) {
      try {
        return await work();
      } catch (error) {
        await this.#waitAfter(error, failures);
      }
    }
  }

  /** Throws what `error` means unless it is worth another try. */
  async #waitAfter(error: unknown, failures: number): Promise<void> {
    const wait = error instanceof Refusal ? error.wait : 0;
    const meaning = error instanceof Refusal ? error.error : error;
    if (!(meaning instanceof OciError) || !this.#passes(meaning)) throw meaning;
    if (wait > LONGEST_WAIT) throw again(meaning, `; it asks to wait ${Math.ceil(wait / 1000)} seconds`);
    if (failures >= this.#retries.attempts) throw again(meaning, ` (${failures} tries)`);
    await this.#clock.sleep(Math.max(wait, backoff(failures, this.#retries, this.#clock.random)));
  }

  #passes({ fault }: OciError): boolean {
    return fault === "limited" || fault === "server" || fault === "network" || (fault === "refused" && this.#reached);
  }

  async #origin(): Promise<URL> {
    this.#base ??= this.#findOrigin();
    return await this.#base;
  }

  /** Where an insecure registry is allowed TLS is still tried first. */
  async #findOrigin(): Promise<URL> {
    const { domain } = this.#reference;
    const host = domain === HUB ? HUB_HOST : domain;
    const secure = new URL(`https://${host}`);
    if (!this.#insecure) return secure;
    try {
      const answer = await this.#http.exchange(new URL("/v2/", secure), { method: "GET", headers: {} });
      answer.discard();
      return secure;
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      return new URL(`http://${host}`);
    }
  }

  #verifyDeclared(bytes: Uint8Array, headers: Headers): void {
    const declared = headers.get("docker-content-digest") ?? "";
    if (isDigest(declared) && digestOf(bytes, algorithmOf(declared)) !== declared) throw this.#wrongContent(declared);
  }

  #wrongContent(name: string): OciError {
    const what = isDigest(name) ? shortDigest(name) : quoted(name);
    const hint = "It is damaged where it is kept, or was changed on the way";
    return new OciError("content", this.name, `the manifest that came has not the digest ${what}`, hint);
  }
}

/** An answer that was no success, with the milliseconds that the server asks to wait. */
class Refusal extends Error {
  readonly error: OciError;
  readonly wait: number;

  constructor(error: OciError, wait: number) {
    super(error.message);
    this.error = error;
    this.wait = wait;
  }
}

/** The last word: whoever goes on after a break is not to try as often again. */
function again({ fault, where, reason, hint }: OciError, addition: string): OciError {
  const last = fault === "network" || fault === "refused" ? "unreachable" : fault;
  return new OciError(last, where, `${reason}${addition}`, hint);
}

/** A server need not know ranges: RFC 9110 section 14.2. */
async function* without(source: AsyncIterable<Uint8Array>, skipped: number): AsyncGenerator<Uint8Array, void, void> {
  let left = skipped;
  for await (const chunk of source) {
    const rest = chunk.subarray(Math.min(left, chunk.length));
    left -= chunk.length - rest.length;
    if (rest.length > 0) yield rest;
  }
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}
