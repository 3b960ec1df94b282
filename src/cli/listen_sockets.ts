// The sockets of --listen: bound here, or handed to us by systemd. Whatever can be wrong with one is told before anything runs.
import { unlinkSync } from "node:fs";
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/fd.ts";
import { S_IFMT, stat } from "../../ffi/file.ts";
import { listen, localEndpoint } from "../../ffi/socket.ts";
import { bindUnix, connectUnix, fitsSockaddr, isListening, openUnixSocket } from "../../ffi/unix_socket.ts";
import { type FaultError, requestFault } from "../base/fault.ts";
import { bindPort } from "../net/outbound/bind_port.ts";
import { formatEndpoint } from "../net/wire/ip_address.ts";
import type { Listen, ListenAddress } from "./parse/listen.ts";
import { type PortPlace, portReason } from "./port_reason.ts";

export type ListenSocket = {
  readonly fd: Fd;
  /** For LISTEN_FDNAMES. */
  readonly name: string;
  /** Where the kernel chose the port: the whole address. */
  readonly chosen: string | undefined;
  /** Of a socket file of ours. */
  readonly file: { readonly path: string; readonly identity: string } | undefined;
};

export type SystemdVariables = { readonly pid: number; readonly env: Readonly<Record<string, string | undefined>> };

const FIRST = 3;
const BACKLOG = 4096;
const S_IFSOCK = 0o140000;
/** What sd_listen_fds_with_names(3) says of a socket without a name. */
const NAMELESS = "unknown";

type Tcp = Extract<ListenAddress, { readonly kind: "tcp" }>;

/** All of them, under numbers that are not to be handed on, or a fault and none. */
export function openSockets(listens: readonly Listen[], systemd: SystemdVariables): readonly ListenSocket[] {
  const opened: ListenSocket[] = [];
  try {
    // Before any other of ours is raised to their numbers or beyond.
    const inherited = listens.some(({ at }) => at.kind === "systemd") ? systemdSockets(systemd) : [];
    for (const { name = NAMELESS, at } of listens)
      if (at.kind === "systemd") opened.push(...inherited);
      else opened.push(at.kind === "tcp" ? tcpSocket(name, at) : unixSocket(name, at.path));
  } catch (error) {
    closeSockets(opened);
    throw error;
  }
  const least = FIRST + opened.length;
  return opened.map((one) => ({ ...one, fd: one.fd.raised(least) }));
}

/** The files go as well, but one that somebody else has put in the place of ours. */
export function closeSockets(sockets: readonly ListenSocket[]): void {
  for (const { fd, file } of sockets) {
    if (file && stat(file.path, false)?.identity === file.identity) unlinkSync(file.path);
    fd.close();
  }
}

function tcpSocket(name: string, at: Tcp): ListenSocket {
  const result = bindPort("tcp", at);
  if (result.kind === "failed") throw tcpFault(at, result.errno);
  const chosen = at.port === 0 ? shown({ ...at, port: localEndpoint(result.socket.number).port }) : undefined;
  return { fd: result.socket, name, chosen, file: undefined };
}

function shown({ address, port }: Pick<Tcp, "address" | "port">): string {
  return `tcp:${formatEndpoint(address, port)}`;
}

function tcpFault(at: Tcp, errno: number): FaultError {
  const place: PortPlace = { address: at.address, port: at.port, protocol: "tcp" };
  const { cause, hint } = portReason(place, errno, {
    chosen: "--listen tcp:0",
    higher: `--listen tcp:${at.port + 8000}`,
  });
  return requestFault(`Cannot listen at ${shown(at)} (--listen)`, cause, hint);
}

function unixSocket(name: string, path: string): ListenSocket {
  if (!fitsSockaddr(path))
    throw unixFault(path, "a socket's path has 107 bytes at most, unix(7)", "use a relative path");
  const fd = openUnixSocket();
  const errno = bindFree(fd.number, path);
  const identity = errno === 0 ? stat(path, false)?.identity : undefined;
  if (identity === undefined) {
    fd.close();
    throw unixBindFault(path, errno);
  }
  const result = listen(fd.number, BACKLOG);
  const socket: ListenSocket = { fd, name, chosen: undefined, file: { path, identity } };
  if (result === 0) return socket;
  closeSockets([socket]);
  throw unixFault(path, `listening failed: ${errnoName(-result)}`);
}

/** 0, or an errno. The file of a socket outlives it, unix(7): one that nobody listens at is in the way of nobody. */
function bindFree(fd: number, path: string): number {
  const first = -bindUnix(fd, path);
  if (first !== ERRNO.EADDRINUSE) return first;
  refuseInUse(path);
  unlinkSync(path);
  return -bindUnix(fd, path);
}

function refuseInUse(path: string): void {
  const mode = stat(path, false)?.mode ?? 0;
  if ((mode & S_IFMT) !== S_IFSOCK)
    throw unixFault(path, "there is something else of that name", "take another path, or remove it");
  using probe = openUnixSocket();
  const errno = -connectUnix(probe.number, path);
  if (errno === ERRNO.ECONNREFUSED || errno === ERRNO.ENOENT) return;
  if (errno === 0 || errno === ERRNO.EAGAIN)
    throw unixFault(path, "somebody listens there", `see who: ss -xlp src ${path}`);
  throw unixFault(path, `there is a socket, and asking who listens failed: ${errnoName(errno)}`);
}

function unixBindFault(path: string, errno: number): FaultError {
  switch (errno) {
    case ERRNO.ENOENT:
    case ERRNO.ENOTDIR:
      return unixFault(path, "its folder does not exist", "make it");
    case ERRNO.EACCES:
    case ERRNO.EPERM:
      return unixFault(path, "you may not write to its folder", "take one of yours, such as $XDG_RUNTIME_DIR");
    case ERRNO.EROFS:
      return unixFault(path, "its file system is read-only");
    case 0:
    case ERRNO.EADDRINUSE:
      return unixFault(path, "somebody else took the path at the same moment");
    default:
      return unixFault(path, `binding failed: ${errnoName(errno)}`);
  }
}

function unixFault(path: string, cause: string, hint = ""): FaultError {
  return requestFault(`Cannot listen at unix:${path} (--listen)`, cause, hint);
}

/** sd_listen_fds(3): LISTEN_FDS descriptors from 3 on, for the process LISTEN_PID, called LISTEN_FDNAMES. */
function systemdSockets({ pid, env }: SystemdVariables): readonly ListenSocket[] {
  const count = Number(env.LISTEN_FDS);
  const isOurs = Number(env.LISTEN_PID) === pid && Number.isInteger(count) && count > 0 && count <= 1024;
  if (!isOurs)
    throw systemdFault(
      env.LISTEN_PID === undefined
        ? "no socket was handed on ($LISTEN_PID is not set)"
        : "the sockets were handed to another process",
    );
  const names = (env.LISTEN_FDNAMES ?? "").split(":");
  const numbers = Array.from({ length: count }, (_, i) => FIRST + i);
  const missing = numbers.find((number) => isListening(number) === undefined);
  if (missing !== undefined) throw systemdFault(`descriptor ${missing} is no socket`);
  return numbers.map((number, i) => ({
    fd: new Fd(number),
    name: names[i] || NAMELESS,
    chosen: undefined,
    file: undefined,
  }));
}

function systemdFault(cause: string): FaultError {
  return requestFault(
    "Cannot take sockets from systemd (--listen systemd)",
    cause,
    "start it from a service with a socket unit, systemd.socket(5), or by systemd-socket-activate(1)",
  );
}
