// Accept=yes with StandardInput=socket of systemd.socket(5), or inetd(8): an instance for each connection. Clients beyond the limit wait in
// the backlog of the socket; those of an address that has its share already are reset.
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/fd.ts";
import type { SignalPipe } from "../../ffi/signal_pipe.ts";
import { acceptAny, resetOnClose } from "../../ffi/socket.ts";
import { requestFault } from "../base/fault.ts";
import type { Instance } from "../launch/start_instance.ts";
import { type Client, clientOf } from "./client.ts";
import { type Ended, Instances } from "./instances.ts";

export type Inetd = {
  readonly sockets: readonly Fd[];
  readonly signals: SignalPipe;
  readonly start: (connection: Fd, client: Client) => Instance | string;
  readonly most: number;
  readonly mostPerAddress: number;
  readonly now: () => number;
  readonly tell: (text: string) => void;
};

/** What the other side, or a moment's shortage, can cause, accept(2): the next client may be luckier. */
const PASSING: readonly number[] = [
  ...[ERRNO.EAGAIN, ERRNO.EINTR, ERRNO.ECONNABORTED, ERRNO.EPERM, ERRNO.EPROTO, ERRNO.ENOPROTOOPT, ERRNO.EOPNOTSUPP],
  ...[ERRNO.ENETDOWN, ERRNO.ENETUNREACH, ERRNO.EHOSTDOWN, ERRNO.EHOSTUNREACH, ERRNO.ENONET],
];
const SHORTAGES: readonly number[] = [ERRNO.EMFILE, ERRNO.ENFILE, ERRNO.ENOBUFS, ERRNO.ENOMEM];
const SHORTAGE_PAUSE_MS = 100;
const OWN_FAULTS: readonly number[] = [125, 126, 127];

/** Until a signal ends it; the exit code. */
export function serveInetd(inetd: Inetd): number {
  const { sockets, signals, most, now, tell } = inetd;
  const instances = new Instances<Client>(signals);
  const numbers = sockets.map(({ number }) => number);
  for (let isShort = false; ; ) {
    const isFull = isShort || instances.size >= most;
    const {
      told,
      sockets: ready,
      ended,
    } = instances.wait(isFull ? [] : numbers, isShort ? SHORTAGE_PAUSE_MS : undefined);
    for (const one of ended) tellOf(one, tell);
    if (told) {
      instances.endAll(now);
      return 0;
    }
    isShort = false;
    for (const number of ready) if (instances.size < most && take(number, instances, inetd) === "short") isShort = true;
  }
}

function take(socket: number, instances: Instances<Client>, { start, mostPerAddress, tell }: Inetd): "short" | "taken" {
  const accepted = acceptAny(socket);
  if (accepted < 0) return refused(-accepted);
  using connection = new Fd(accepted);
  const client = clientOf(accepted);
  if (client === undefined) return "taken";
  if (instances.count(({ key }) => key === client.key) >= mostPerAddress) {
    resetOnClose(accepted);
    return "taken";
  }
  const started = start(connection, client);
  if (typeof started === "string") tell(`cannot serve ${client.shown}: ${started}`);
  else instances.add(started, client);
  return "taken";
}

function refused(errno: number): "short" | "taken" {
  if (PASSING.includes(errno)) return "taken";
  if (SHORTAGES.includes(errno)) return "short";
  throw requestFault("Cannot go on listening (--listen)", `accept failed: ${errnoName(errno)}`);
}

// The sandbox's own failures have been told by the instance.
function tellOf({ about, exitCode }: Ended<Client>, tell: (text: string) => void): void {
  if (exitCode === 0 || OWN_FAULTS.includes(exitCode)) return;
  tell(`the command for ${about.shown} ended with status ${exitCode}`);
}
