// Whether the socket behind a command's descriptor can be exchanged for another without anybody noticing: that is, whether nothing but this
// descriptor leads to it. A descriptor that was shared with another process before it was connected is not found out.
import { closesOnExec, foreignFiles, isWatchedBy } from "../../../ffi/foreign_process.ts";

/** A process with more descriptors keeps its sockets: looking through them would take longer than what is won. */
const MOST_FILES = 512;
const EPOLL = "anon_inode:[eventpoll]";

/** How to put another there; `undefined` where a second descriptor has the same socket, or an epoll instance waits for it. */
export function placeOf(pid: number, number: number): { readonly closeOnExec: boolean } | undefined {
  const files = foreignFiles(pid, MOST_FILES);
  const shown = files?.find((file) => file.number === number)?.shown;
  if (files === undefined || shown === undefined) return undefined;
  const isShared = files.some((file) => file.number !== number && file.shown === shown);
  if (isShared || files.some((file) => file.shown === EPOLL && isWatchedBy(pid, file.number, number))) return undefined;
  const closeOnExec = closesOnExec(pid, number);
  return closeOnExec === undefined ? undefined : { closeOnExec };
}
