// How a member, or whoever asks, gets to a network's supervisor: by its socket, under the lock that its end takes, too. The first one starts it; a
// socket that was left behind by one that was killed refuses, and is put out of the way.
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import { AT_FDCWD, AT_REMOVEDIR, O_DIRECTORY, O_PATH, open, readText, unlinkat } from "../../ffi/file.ts";
import { listen } from "../../ffi/socket.ts";
import { type Message, receiveMessage, sendMessage } from "../../ffi/unix_message.ts";
import { bindUnix, connectUnix, openPacketSocket } from "../../ffi/unix_socket.ts";
import {
  type ClientMessage,
  emitMessage,
  LARGEST_MESSAGE,
  MOST_DESCRIPTORS,
  parseServerMessage,
  type ServerMessage,
} from "./messages.ts";
import { NetworkError } from "./network_error.ts";
import type { NetworksFolder } from "./networks_folder.ts";

const SOCKET = "socket";
const LOG = "log";
const BACKLOG = 4096;
const LAST_WORDS = 200;

export type NetworkPlace = {
  readonly name: string;
  readonly networks: NetworksFolder;
  /** Of this network alone, where its socket is. */
  readonly runtime: string;
};

/** Starts the supervisor, which listens at `listener`; what it says is written to `log`. Its user namespace. */
export type Starter = (listener: Fd, log: string) => Fd;

export type Connected = {
  readonly connection: Fd;
  /** Of a supervisor that was started: it need not be waited for. */
  readonly userNamespace: Fd | undefined;
};

/** `undefined` where there is no such network. Throws NetworkError. */
export function connectOrStart({ name, networks, runtime }: NetworkPlace, start: Starter): Connected | undefined {
  using lock = networks.lock(name);
  if (lock === undefined) return undefined;
  const connected = tryConnect(runtime);
  if (connected) return { connection: connected, userNamespace: undefined };
  using listener = openPacketSocket("returns");
  try {
    unlinkat(AT_FDCWD, `${runtime}/${SOCKET}`);
  } catch {
    // There is none: nothing is left of a supervisor that ended as it should.
  }
  const bound = atSocket(runtime, (path) => bindUnix(listener.number, path)) || listen(listener.number, BACKLOG);
  if (bound !== 0) throw new NetworkError(`its socket cannot be made in ${runtime}: ${errnoName(-bound)}`);
  // It waits in the backlog for the supervisor to come.
  const socket = tryConnect(runtime);
  if (socket === undefined) throw ended(runtime);
  return { connection: socket, userNamespace: start(listener, `${runtime}/${LOG}`) };
}

/** To a supervisor that runs; `undefined` where none does. The lock is the caller's. */
export function tryConnect(runtime: string): Fd | undefined {
  const socket = openPacketSocket();
  const result = atSocket(runtime, (path) => connectUnix(socket.number, path));
  if (result === 0) return socket;
  socket.close();
  if (result === -ERRNO.ECONNREFUSED || result === -ERRNO.ENOENT) return undefined;
  throw new NetworkError(`its socket in ${runtime} cannot be used: ${errnoName(-result)}`);
}

export function tell(socket: Fd, message: ClientMessage, fds: readonly number[] = []): void {
  sendMessage(socket.number, emitMessage(message), fds);
}

/** The answer, with its descriptors. Throws NetworkError for a refusal, and where none comes. */
export function answerOf<K extends ServerMessage["kind"]>(
  socket: Fd,
  kind: K,
  runtime: string,
): { readonly message: Extract<ServerMessage, { kind: K }>; readonly fds: Message["fds"] } {
  const received = receiveMessage(socket.number, LARGEST_MESSAGE, MOST_DESCRIPTORS);
  if (received.kind !== "message") throw ended(runtime);
  const message = parseServerMessage(received.bytes);
  if (message?.kind === kind) return { message: message as Extract<ServerMessage, { kind: K }>, fds: received.fds };
  for (const fd of received.fds) fd.close();
  if (message?.kind === "refused") throw new NetworkError(message.cause, message.hint);
  throw new NetworkError("its supervisor is of another version of this program", "end what is on it, and begin anew");
}

/** Takes away what a supervisor's clients find it by. */
export function unlinkRuntime(runtime: string): void {
  for (const [path, flags] of [
    [`${runtime}/${SOCKET}`, 0],
    [`${runtime}/${LOG}`, 0],
    [runtime, AT_REMOVEDIR],
  ] as const) {
    try {
      unlinkat(AT_FDCWD, path, flags);
    } catch {
      // Somebody was faster.
    }
  }
}

/** A path by way of a descriptor: sockaddr_un has room for 107 bytes, and a folder's path may be longer. */
function atSocket(runtime: string, act: (path: string) => number): number {
  let folder: Fd;
  try {
    folder = open(runtime, O_PATH | O_DIRECTORY);
  } catch {
    return -ERRNO.ENOENT;
  }
  using opened = folder;
  return act(`/proc/self/fd/${opened.number}/${SOCKET}`);
}

function ended(runtime: string): NetworkError {
  const words = (readText(`${runtime}/${LOG}`) ?? "").trim().slice(-LAST_WORDS);
  return new NetworkError(
    `its supervisor has ended${words === "" ? "" : `, and its last words were: ${words}`}`,
    "try once more; if it ends again, please report it",
  );
}
