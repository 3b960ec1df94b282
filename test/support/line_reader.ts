// Lines of a stream as they come: what a test waits for instead of sleeping.

export class LineReader {
  readonly #reader: {
    readonly read: () => Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  };
  readonly #decoder = new TextDecoder();
  #text = "";
  #ended = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** The next line without its end; undefined at the end of the stream. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) return this.#take(end);
      if (this.#ended) return this.#text === "" ? undefined : this.#take(this.#text.length);
      await this.#more();
    }
  }

  /** Lines up to and with the one that equals `wanted`. */
  async until(wanted: string): Promise<readonly string[]> {
    const lines: string[] = [];
    for (let line = await this.next(); line !== undefined; line = await this.next()) {
      lines.push(line);
      if (line === wanted) return lines;
    }
    throw new Error(`the stream ended without ${JSON.stringify(wanted)}: ${JSON.stringify(lines)}`);
  }

  /** Everything that is still to come; returns when every holder of the other end is gone. */
  async rest(): Promise<string> {
    while (!this.#ended) await this.#more();
    return this.#take(this.#text.length);
  }

  #take(end: number): string {
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#reader.read();
    if (done) this.#ended = true;
    else this.#text += this.#decoder.decode(value, { stream: true });
  }
}
