// Sandboxes that tests leave running: whatever one has started is gone before the next begins.
import { afterEach } from "bun:test";
import { LineReader } from "./line_reader.ts";
import type { RunOptions, Started, Workspace } from "./workspace.ts";

export class Children {
  readonly #here: Workspace;
  #all: Started[] = [];

  constructor(here: Workspace) {
    this.#here = here;
  }

  /** `sandbox run ARGS`. */
  start(args: readonly string[], options?: RunOptions): Started {
    const child = this.#here.start(args, options);
    this.#all.push(child);
    return child;
  }

  /** The same, once its command has said "ready". */
  async ready(args: readonly string[], options?: RunOptions): Promise<Started> {
    const child = this.start(args, options);
    const line = await new LineReader(child.stdout).next();
    if (line !== "ready") throw new Error(`${line}: ${await new Response(child.stderr).text()}`);
    return child;
  }

  /** The last first: it may be on the network of another. */
  async end(): Promise<void> {
    for (const child of this.#all.splice(0).reverse()) {
      child.kill("SIGKILL");
      await child.exited;
    }
  }
}

/** For the tests of the calling file. */
export function childrenOf(here: Workspace): Children {
  const children = new Children(here);
  afterEach(() => children.end());
  return children;
}
