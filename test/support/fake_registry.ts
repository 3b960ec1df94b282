// A registry that misbehaves to order: it serves one image from memory by the distribution specification, `answer` comes
// before it, and what it was asked is kept. For what no real registry can be made to do.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { MadeImage } from "../fixtures/rootfs-builder/oci/image.ts";

export type Asked = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
};

/** True when it has answered; else the registry does as it should. */
export type Answer = (asked: Asked, response: ServerResponse) => boolean | Promise<boolean>;

export class FakeRegistry implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly #image: MadeImage;
  readonly #answer: Answer;
  readonly #server: Server;

  private constructor(image: MadeImage, answer: Answer) {
    this.#image = image;
    this.#answer = answer;
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  static async start(image: MadeImage, answer: Answer = () => false): Promise<FakeRegistry> {
    const made = new FakeRegistry(image, answer);
    await new Promise<void>((resolve) => made.#server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The image's reference. */
  get name(): string {
    return `${this.host}/app:v1`;
  }

  /** What was asked, of those paths that contain `part`. */
  askedFor(part: string): readonly Asked[] {
    return this.asked.filter(({ path }) => path.includes(part));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { method = "", url = "", headers } = request;
    // From a proxy the whole address comes: RFC 9112 section 3.2.2.
    const path = url.replace(/^http:\/\/[^/]+/, "");
    const asked = { method, path, headers, body: Buffer.concat(parts).toString() };
    this.asked.push(asked);
    if (!(await this.#answer(asked, response))) this.#serve(asked, response);
  }

  #serve({ path, headers }: Asked, response: ServerResponse): void {
    if (path === "/v2/") return void response.end("{}");
    const [, kind, name = ""] = /^\/v2\/app\/(manifests|blobs)\/(.+)$/.exec(path) ?? [];
    const digest = name === "v1" ? this.#image.manifest.digest : name;
    const bytes = kind === undefined ? undefined : this.#image.blobs.get(digest);
    if (!bytes) answerError(response, 404, "MANIFEST_UNKNOWN", "not here");
    else if (kind === "manifests") answerManifest(response, bytes, digest);
    else answerBlob(response, bytes, headers.range);
  }
}

/** True, for an {@link Answer} to return. */
export function answerError(response: ServerResponse, status: number, code: string, message: string): true {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
  return true;
}

export function answerManifest(response: ServerResponse, bytes: Uint8Array, digest: string): true {
  const { mediaType } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly mediaType: string };
  response.writeHead(200, {
    "content-type": mediaType,
    "docker-content-digest": digest,
    "content-length": bytes.length,
  });
  response.end(bytes);
  return true;
}

export function answerBlob(response: ServerResponse, bytes: Uint8Array, range?: string | undefined): true {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
  const partial = { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(range === undefined ? 200 : 206, {
    "content-length": bytes.length - from,
    ...(range === undefined ? {} : partial),
  });
  response.end(bytes.subarray(from));
  return true;
}

/** Says that it has `length` bytes, sends `bytes`, and breaks off when `end` resolves. */
export function answerBroken(response: ServerResponse, bytes: Uint8Array, length: number, end: Promise<void>): true {
  response.writeHead(200, { "content-length": length });
  response.write(bytes);
  void end.then(() => response.destroy());
  return true;
}
