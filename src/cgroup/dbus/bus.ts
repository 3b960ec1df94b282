// A connection to a D-Bus message bus. What can be said without an answer is said at once, so that who we are, our name and what we listen for
// take one turn of the bus and not three.
import { ERRNO } from "../../../ffi/errno.ts";
import { POLLIN, POLLOUT, poll } from "../../../ffi/poll.ts";
import { receive, send } from "../../../ffi/socket.ts";
import { connectUnix, openUnixSocket } from "../../../ffi/unix_socket.ts";
import { AUTHENTICATION, readAuthentication } from "./authentication.ts";
import { BusError, type BusFailure } from "./bus_failure.ts";
import { DbusError } from "./dbus_error.ts";
import { type Call, formatCall, type Message, parseMessage } from "./message.ts";

/** The bus itself. */
const BUS = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus" };
const READ_BYTES = 1 << 16;

export type BusOptions = {
  /** Of its socket; one that begins with NUL is in the abstract namespace. */
  readonly path: string;
  /** Of signals that are to be told: "Match Rules". */
  readonly match: string;
  /** Milliseconds that anybody may take for an answer. */
  readonly patience: number;
  readonly now: () => number;
};

/** Every method throws BusError. */
export class Bus implements Disposable {
  readonly #socket = openUnixSocket();
  readonly #patience: number;
  readonly #now: () => number;
  #received = new Uint8Array(0);
  #isAuthenticated = false;
  #serial = 0;
  /** Answers that nobody waits for: an error among them is one of the connection. */
  readonly #own: ReadonlySet<number>;
  readonly #signals: Message[] = [];

  constructor({ path, match, patience, now }: BusOptions) {
    this.#patience = patience;
    this.#now = now;
    const result = connectUnix(this.#socket.number, path);
    if (result < 0) throw this.#failed({ kind: "socket", errno: -result });
    this.#send(new TextEncoder().encode(AUTHENTICATION));
    const hello = this.#call({ ...BUS, member: "Hello" });
    this.#own = new Set([hello, this.#call({ ...BUS, member: "AddMatch", signature: "s", body: [match] })]);
  }

  /** The answer's values. */
  call(call: Omit<Call, "serial">): Message["body"] {
    const serial = this.#call(call);
    const until = this.#now() + this.#patience;
    for (;;) {
      const message = this.#next(until);
      if (message.replySerial === serial && message.kind === "return") return message.body;
      if (message.replySerial === serial && message.kind === "error") throw this.#failed(errorOf(message));
      this.#keep(message);
    }
  }

  /** The first signal, of those that have come and those to come, that `isMeant`. */
  signal(isMeant: (signal: Message) => boolean): Message {
    const until = this.#now() + this.#patience;
    for (;;) {
      const found = this.#signals.findIndex(isMeant);
      const [signal] = found < 0 ? [] : this.#signals.splice(found, 1);
      if (signal) return signal;
      this.#keep(this.#next(until));
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #keep(message: Message): void {
    if (message.kind === "signal") this.#signals.push(message);
    if (message.kind === "error" && this.#own.has(message.replySerial ?? 0)) throw this.#failed(errorOf(message));
  }

  #call(call: Omit<Call, "serial">): number {
    const serial = ++this.#serial;
    this.#send(formatCall({ ...call, serial }));
    return serial;
  }

  #send(bytes: Uint8Array): void {
    const until = this.#now() + this.#patience;
    for (let rest = bytes; rest.length > 0; ) {
      const put = send(this.#socket.number, rest, rest.length);
      if (put > 0) rest = rest.subarray(put);
      else if (put === -ERRNO.EAGAIN) this.#await(POLLOUT, until);
      else if (put !== -ERRNO.EINTR) throw this.#failed({ kind: "socket", errno: -put });
    }
  }

  #next(until: number): Message {
    for (;;) {
      const message = this.#parsed();
      if (message) return message;
      this.#await(POLLIN, until);
      this.#receive();
    }
  }

  #parsed(): Message | undefined {
    try {
      if (!this.#isAuthenticated && !this.#authenticate()) return undefined;
      const parsed = parseMessage(this.#received);
      if (parsed) this.#received = this.#received.slice(parsed.length);
      return parsed?.message;
    } catch (error) {
      throw error instanceof DbusError ? this.#failed({ kind: "garbled", detail: error.message }) : error;
    }
  }

  #authenticate(): boolean {
    const answer = readAuthentication(this.#received);
    if (answer.kind === "rejected") throw this.#failed({ kind: "refused" });
    if (answer.kind === "incomplete") return false;
    this.#received = this.#received.slice(answer.end);
    this.#isAuthenticated = true;
    return true;
  }

  #receive(): void {
    const buffer = new Uint8Array(READ_BYTES);
    const got = receive(this.#socket.number, buffer, buffer.length);
    if (got === 0) throw this.#failed({ kind: this.#isAuthenticated ? "closed" : "refused" });
    if (got < 0 && got !== -ERRNO.EAGAIN && got !== -ERRNO.EINTR) throw this.#failed({ kind: "socket", errno: -got });
    if (got <= 0) return;
    const joined = new Uint8Array(this.#received.length + got);
    joined.set(this.#received);
    joined.set(buffer.subarray(0, got), this.#received.length);
    this.#received = joined;
  }

  #await(events: number, until: number): void {
    const left = until - this.#now();
    if (left <= 0) throw this.#failed({ kind: "silent", seconds: Math.round(this.#patience / 1000) });
    poll([{ fd: this.#socket.number, events }], left);
  }

  #failed(failure: BusFailure): BusError {
    this.#socket.close();
    return new BusError(failure);
  }
}

function errorOf({ errorName, body: [text] }: Message): BusFailure {
  return { kind: "error", name: errorName ?? "", text: typeof text === "string" ? text : "" };
}
