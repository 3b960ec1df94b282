// A real registry on loopback: Debian's docker-registry, the Docker distribution, with its data in a folder of the test's.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LineReader } from "./line_reader.ts";

export type RegistryOptions = {
  /** Path of a file that `htpasswd -B` wrote. */
  readonly htpasswd?: string | undefined;
  /** PEM files. */
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
};

export class Registry implements AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly #folder: string;
  readonly #options: RegistryOptions;
  #child: Bun.Subprocess;

  private constructor(folder: string, options: RegistryOptions, child: Bun.Subprocess, host: string) {
    this.#folder = folder;
    this.#options = options;
    this.#child = child;
    this.host = host;
  }

  static async start(folder: string, options: RegistryOptions = {}): Promise<Registry> {
    mkdirSync(folder, { recursive: true });
    const { child, host } = await serve(folder, "127.0.0.1:0", options);
    return new Registry(folder, options, child, host);
  }

  /** The file that holds a blob. */
  blobFile(digest: string): string {
    const [algorithm = "", hex = ""] = digest.split(":");
    return join(this.#folder, "data/docker/registry/v2/blobs", algorithm, hex.slice(0, 2), hex, "data");
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  /** On the same port, after {@link kill}. */
  async restart(): Promise<void> {
    this.#child = (await serve(this.#folder, this.host, this.#options)).child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

async function serve(folder: string, address: string, options: RegistryOptions) {
  const config = join(folder, "config.yml");
  writeFileSync(config, JSON.stringify(configuration(folder, address, options)));
  const child = Bun.spawn(["docker-registry", "serve", config], {
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH: "/usr/bin:/bin", OTEL_TRACES_EXPORTER: "none" },
  });
  const lines = new LineReader(child.stderr);
  const seen: string[] = [];
  for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
    seen.push(line);
    const host = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (host === undefined) continue;
    // It would stop at a full pipe.
    void lines.rest();
    return { child, host };
  }
  throw new Error(`docker-registry has not started:\n${seen.join("\n")}`);
}

/** JSON is YAML. */
function configuration(folder: string, address: string, { htpasswd, tls }: RegistryOptions): object {
  return {
    version: "0.1",
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
    http: { addr: address, ...(tls ? { tls } : {}) },
    ...(htpasswd === undefined ? {} : { auth: { htpasswd: { realm: "tests", path: htpasswd } } }),
  };
}
