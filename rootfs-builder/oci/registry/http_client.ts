// One exchange over HTTP: proxies, trust, time limits and redirections, so that what is above sees an answer or an OciError.
// An Authorization header never leaves the origin it is meant for: registries redirect blobs to stores of other owners,
// and whoever can choose the target of a redirection would have the token.
import { type Clock, within } from "../clock.ts";
import { OciError } from "../oci_error.ts";
import { explainNetwork } from "./failure.ts";
import { type Environment, proxyFor } from "./proxy.ts";

export type HttpOptions = {
  /** For the proxies' variables. */
  readonly environment: Environment;
  readonly clock: Clock;
  readonly userAgent: string;
  /** Without TLS, or with a certificate that nobody vouches for. */
  readonly insecure: boolean;
  /** Certificates to trust beside the usual ones, in PEM. */
  readonly certificates?: string | undefined;
  readonly limits?: HttpLimits | undefined;
};

export type HttpLimits = {
  /** Milliseconds until the answer's header, and between two parts of its body. */
  readonly silence: number;
  /** Milliseconds for a whole document that is held in memory. */
  readonly document: number;
};

export type HttpRequest = {
  readonly method: "GET" | "HEAD" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly authorization?: string | undefined;
  readonly body?: string | undefined;
};

const DEFAULT_LIMITS: HttpLimits = { silence: 60_000, document: 120_000 };
const MOST_REDIRECTS = 5;
/** Bytes a second over the time of {@link HttpLimits.silence}, below which a server holds us up. */
const SLOWEST = 64;

export class HttpClient {
  readonly #options: HttpOptions;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /** The answer, whatever its status. Throws {@link OciError} with the fault `network` or `unreachable`. */
  async exchange(url: URL, request: HttpRequest): Promise<HttpAnswer> {
    let at = url;
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#send(at, request, at.origin === url.origin);
      const location = redirection(answer);
      // What a POST sends is a secret of the user's.
      if (location === undefined || request.method === "POST") return answer;
      answer.discard();
      if (redirects === MOST_REDIRECTS)
        throw new OciError("protocol", url.host, `it redirects more than ${MOST_REDIRECTS} times`);
      at = this.#redirected(at, location);
    }
  }

  #redirected(from: URL, location: string): URL {
    const wrong = (reason: string): OciError => new OciError("protocol", from.host, `it redirects ${reason}`);
    if (!URL.canParse(location, from.href)) throw wrong("to what is no address");
    const to = new URL(location, from.href);
    if (to.protocol !== "https:" && to.protocol !== "http:") throw wrong("to what is neither http nor https");
    if (to.username !== "" || to.password !== "") throw wrong("to an address with a password in it");
    if (to.protocol === "http:" && from.protocol === "https:" && !this.#options.insecure)
      throw wrong(`from https to http (${to.host})`);
    return to;
  }

  async #send(url: URL, { method, headers, authorization, body }: HttpRequest, trusted: boolean): Promise<HttpAnswer> {
    const { clock, userAgent, insecure, certificates, environment, limits = DEFAULT_LIMITS } = this.#options;
    const stop = new AbortController();
    const proxy = proxyFor(url, environment);
    const asked = fetch(url.href, {
      method,
      headers: {
        // Bytes as they are kept: they are hashed, and counted.
        "accept-encoding": "identity",
        "user-agent": userAgent,
        ...headers,
        ...(trusted && authorization !== undefined ? { authorization } : {}),
      },
      redirect: "manual",
      decompress: false,
      keepalive: true,
      proxy,
      signal: stop.signal,
      tls: { rejectUnauthorized: !insecure, ...(certificates === undefined ? {} : { ca: certificates }) },
      ...(body === undefined ? {} : { body }),
    } as BunFetchRequestInit);
    const answered = await within(asked, limits.silence, clock).catch((error: unknown) => {
      throw explainNetwork(error, url, proxy);
    });
    if (answered) return new HttpAnswer(answered.value, { url, proxy, clock, limits, stop });
    stop.abort();
    asked.catch(() => {});
    throw new OciError("network", url.host, `it gave no answer within ${limits.silence / 1000} seconds`);
  }
}

type Way = {
  readonly url: URL;
  readonly proxy: string | false;
  readonly clock: Clock;
  readonly limits: HttpLimits;
  readonly stop: AbortController;
};

/** An answer whose body has not been read yet: exactly one of `body`, `bytes` and `discard` is to be called. */
export class HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly url: URL;
  readonly #response: Response;
  readonly #way: Way;

  constructor(response: Response, way: Way) {
    this.status = response.status;
    this.headers = response.headers;
    this.url = way.url;
    this.#response = response;
    this.#way = way;
  }

  /** The body as it comes. The connection ends when the reader stops early. */
  async *body(): AsyncGenerator<Uint8Array, void, void> {
    const reader = this.#response.body?.getReader();
    if (!reader) return;
    const pace = new Pace(this.#way.clock, this.#way.limits.silence);
    let ended = false;
    try {
      for (;;) {
        const next = await this.#next(reader.read(), pace);
        ended = next.done === true;
        if (next.value === undefined) return;
        yield next.value;
      }
    } finally {
      if (!ended) this.discard();
    }
  }

  /** The whole body, of at most `limit` bytes. */
  async bytes(limit: number): Promise<Uint8Array> {
    const end = this.#way.clock.now() + this.#way.limits.document;
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of this.body()) {
      length += part.length;
      if (length > limit) throw new OciError("document", this.url.host, `it answers with more than ${limit} bytes`);
      if (this.#way.clock.now() > end) throw this.#slow();
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  discard(): void {
    this.#way.stop.abort();
  }

  async #next(read: ReturnType<BodyReader["read"]>, pace: Pace): ReturnType<BodyReader["read"]> {
    const next = await within(read, this.#way.limits.silence, this.#way.clock).catch((error: unknown) => {
      throw explainNetwork(error, this.url, this.#way.proxy);
    });
    if (!next) read.catch(() => {});
    if (!next || !pace.keeps(next.value.value?.length ?? 0, next.value.done === true)) throw this.#slow();
    return next.value;
  }

  #slow(): OciError {
    return new OciError("network", this.url.host, "it stopped sending, or sends too slowly to go on");
  }
}

type BodyReader = {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
};

/** A byte now and then would keep a connection, and whoever waits for it, for ever. */
class Pace {
  readonly #clock: Clock;
  readonly #window: number;
  #since: number;
  #bytes = 0;

  constructor(clock: Clock, window: number) {
    this.#clock = clock;
    this.#window = window;
    this.#since = clock.now();
  }

  keeps(bytes: number, done: boolean): boolean {
    this.#bytes += bytes;
    const passed = this.#clock.now() - this.#since;
    if (done || passed < this.#window) return true;
    const enough = this.#bytes >= (SLOWEST * this.#window) / 1000;
    this.#since += passed;
    this.#bytes = 0;
    return enough;
  }
}

function redirection({ status, headers }: HttpAnswer): string | undefined {
  if (![301, 302, 303, 307, 308].includes(status)) return undefined;
  return headers.get("location") ?? undefined;
}
