// Sandboxes on a named network, for tests: each is ready when its script says so, and ends when its standard input does.
import { join } from "node:path";
import { LineReader } from "./line_reader.ts";
import { gone, marked } from "./processes.ts";
import { type Outcome, type RunOptions, SANDBOX, type Started, statusOf, type Workspace } from "./workspace.ts";

export type Shown = {
  readonly name: string;
  readonly subnet: string | null;
  readonly ipv6: string | null;
  readonly members: readonly {
    readonly pid: number;
    readonly names: readonly string[];
    readonly ipv4: string | null;
    readonly ipv6: string | null;
  }[];
};

export class RunningMember implements AsyncDisposable {
  readonly child: Started;
  readonly out: LineReader;
  readonly err: LineReader;

  constructor(child: Started) {
    this.child = child;
    this.out = new LineReader(child.stdout);
    this.err = new LineReader(child.stderr);
  }

  async end(): Promise<number> {
    await this.child.stdin.end();
    await this.child.exited;
    return statusOf(this.child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
  }
}

export class NamedNetworks {
  readonly #here: Workspace;
  readonly runtime: string;

  constructor(here: Workspace) {
    this.#here = here;
    this.runtime = join(here.root, "run");
    here.folder(this.runtime);
    Bun.spawnSync(["chmod", "700", this.runtime]);
  }

  get options(): RunOptions {
    return { env: { XDG_RUNTIME_DIR: this.runtime } };
  }

  async network(...words: readonly string[]): Promise<Outcome> {
    return this.#here.sandbox(["network", ...words], this.options);
  }

  /** A new network; what it is. */
  async create(name: string, ...flags: readonly string[]): Promise<Shown> {
    const { code, stderr } = await this.network("create", ...flags, name);
    if (code !== 0) throw new Error(`network create: ${stderr}`);
    return this.inspect(name);
  }

  async inspect(name: string): Promise<Shown> {
    const { code, stdout, stderr } = await this.network("inspect", name);
    if (code !== 0) throw new Error(`network inspect: ${stderr}`);
    return JSON.parse(stdout)[0];
  }

  async run(network: string, args: readonly string[]): Promise<Outcome> {
    return this.#here.run(["--net", network, ...args], this.options);
  }

  /** What a script prints; that it succeeds and complains of nothing is part of the claim. */
  async says(network: string, script: string, flags: readonly string[] = []): Promise<string> {
    return this.#here.inside(script, ["--net", network, ...flags], this.options);
  }

  /** One that stays, once `script` has printed "ready"; without it, at once. */
  async member(network: string, flags: readonly string[] = [], script = "echo ready; cat"): Promise<RunningMember> {
    const words = ["--net", network, ...flags, "--", "sh", "-c", script];
    const member = new RunningMember(this.#here.start(words, this.options));
    const first = await member.out.next();
    if (first === "ready") return member;
    throw new Error(`the member said ${first}: ${await member.err.rest()}`);
  }

  /** The supervisors' processes. */
  supervisors(): readonly number[] {
    return marked(`${this.runtime}/sandbox/networks`);
  }

  /** Waits for the end of each; those that have not within ten seconds. */
  remaining(pids: readonly number[] = this.supervisors()): readonly number[] {
    return pids.filter((pid) => !gone(pid));
  }

  get program(): string {
    return SANDBOX;
  }
}

/** Serves a page of its own at port 80, of both families. */
const SERVER = `
import http.server, socket, sys
class Server(http.server.ThreadingHTTPServer): address_family = socket.AF_INET6
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (sys.argv[1] + " " + self.client_address[0].replace("::ffff:", "")).encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *words): pass
server = Server(("::", 80), Page)
print("ready", flush=True)
server.serve_forever()`;
export const serve = (page: string): string => `python3 -c '${SERVER}' ${page} & cat; kill $!`;
export const fetched = (...urls: readonly string[]): string =>
  urls.map((url) => `curl -sS -m 20 '${url}'; echo`).join("; ");
export const address = (prefix: string | null, host: number): string =>
  prefix?.includes(":")
    ? prefix.replace(/::\/\d+$/, `::${host.toString(16)}`)
    : (prefix ?? "").replace(/0\/\d+$/, `${host}`);
