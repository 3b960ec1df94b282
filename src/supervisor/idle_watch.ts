// When was a TCP port last in use? The connections are those of another process, which accepts them, but the port is of our own network
// namespace: its table of sockets says which are open, and the kernel tells when one has ended. Between the two no connection is missed, short
// as it may be. For sockets of the unix family the kernel tells of no end, so there is no such thing for them.
import { ClosedConnections } from "../../ffi/closed_connections.ts";
import { readText } from "../../ffi/file.ts";

const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"] as const;
const TABLE_LIMIT = 1 << 28;
/** proc_net_tcp(5), in hexadecimal: net/tcp_states.h. */
const LISTEN = "0A";
/** With a peer that may still speak: ESTABLISHED, SYN_RECV, CLOSE_WAIT. */
const ALIVE: readonly string[] = ["01", "03", "08"];
const FIELD = { local: 1, state: 3, inode: 9 } as const;

export class IdleWatch implements Disposable {
  readonly #ports: ReadonlySet<number>;
  readonly #closed: ClosedConnections;
  readonly #timeout: number;
  #lastUse: number;

  /** Milliseconds. */
  constructor(ports: readonly number[], timeout: number, now: number) {
    this.#ports = new Set(ports);
    this.#closed = new ClosedConnections(ports);
    this.#timeout = timeout;
    this.#lastUse = now;
  }

  /** Readable when a connection has ended. */
  get fd(): number {
    return this.#closed.fd;
  }

  /** How long until {@link isIdle} may say so. */
  remaining(now: number): number {
    return Math.max(0, this.#lastUse + this.#timeout - now);
  }

  /** Has there been no connection for the whole time? To be asked whenever {@link fd} is readable or the time is over. */
  isIdle(now: number): boolean {
    if (this.#closed.any()) this.#lastUse = now;
    if (this.remaining(now) > 0) return false;
    // One that is open is in use until its end, which will be told.
    if (TABLES.some((path) => hasOpen(readText(path, TABLE_LIMIT) ?? "", this.#ports))) this.#lastUse = now;
    return this.remaining(now) === 0;
  }

  [Symbol.dispose](): void {
    this.#closed[Symbol.dispose]();
  }
}

/** Does a table of /proc/net show a connection at one of `ports`? One that waits to be accepted has no inode. */
export function hasOpen(table: string, ports: ReadonlySet<number>): boolean {
  return table.split("\n").some((line) => {
    const fields = line.trim().split(/\s+/);
    const [local = "", state = "", inode = "0"] = [fields[FIELD.local], fields[FIELD.state], fields[FIELD.inode]];
    const port = Number.parseInt(local.slice(local.lastIndexOf(":") + 1), 16);
    return ports.has(port) && state !== LISTEN && (ALIVE.includes(state) || inode !== "0");
  });
}
