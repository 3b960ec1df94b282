// A shell at a terminal, typed at as a user types: what completes there is what users get.

export class ShellSession {
  readonly #decoder = new TextDecoder();
  readonly #process: Bun.Subprocess;
  #text = "";
  #changed = Promise.withResolvers<void>();

  constructor(argv: readonly string[], env: Readonly<Record<string, string>>) {
    const data = (_: unknown, bytes: Uint8Array): void => {
      this.#text += this.#decoder.decode(bytes, { stream: true });
      this.#changed.resolve();
    };
    const terminal = { cols: 200, rows: 50, data };
    this.#process = Bun.spawn([...argv], { env: { TERM: "dumb", PATH: process.env.PATH ?? "", ...env }, terminal });
  }

  /** Types `keys` and gives what the terminal shows from then on until it shows `end`. */
  async type(keys: string, end: string): Promise<string> {
    this.#text = "";
    this.#process.terminal?.write(keys);
    while (!this.#text.includes(end)) {
      this.#changed = Promise.withResolvers();
      await this.#changed.promise;
    }
    return this.#text.slice(0, this.#text.indexOf(end));
  }

  [Symbol.dispose](): void {
    this.#process.kill("SIGKILL");
    this.#process.terminal?.close();
  }
}
