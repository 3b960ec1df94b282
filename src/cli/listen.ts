// `sandbox run --listen`: this process waits for clients and starts, for the first or for each, a `sandbox run` of its own, to which the
// same command line leads.
import { catchSignals } from "../../ffi/catch_signals.ts";
import { errnoName } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import { O_RDWR, open } from "../../ffi/file.ts";
import { defaultChildSignal, dieWithParent, exitNow, lowerOpenFiles } from "../../ffi/process.ts";
import type { SignalPipe } from "../../ffi/signal_pipe.ts";
import { localEndpoint } from "../../ffi/socket.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { isConnection, isListening, socketFamily } from "../../ffi/unix_socket.ts";
import { requestFault } from "../base/fault.ts";
import type { LaunchFailure } from "../launch/launch_plan.ts";
import { type Instance, startInstance } from "../launch/start_instance.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import type { Spec } from "../spec/spec.ts";
import { serveInetd } from "../supervisor/inetd.ts";
import { serveListenFd } from "../supervisor/listen_fd.ts";
import { serveConnection } from "../supervisor/serve_connection.ts";
import type { Parsed } from "./command.ts";
import { closeSockets, type ListenSocket, openSockets } from "./listen_sockets.ts";
import { instanceWords, type ListenRequest } from "./run_listen.ts";
import { note } from "./say.ts";

export type ListenInputs = {
  readonly request: ListenRequest;
  readonly parsed: Parsed;
  readonly lookups: HostLookups;
  /** Of an instance, to which it has come once already: so what is wrong with the command line is told now. */
  readonly spec: Spec;
};

const FIRST = 3;
/** Of this process beside one for each instance: sockets, pipes, the runtime's. */
const OWN_DESCRIPTORS = 128;
const OWN_VARIABLE = /^(?:LISTEN_(?:FDS|PID|PIDFDID|FDNAMES)|REMOTE_(?:ADDR|PORT))$/;

export function listen({ request, parsed, lookups, spec }: ListenInputs): number {
  defaultChildSignal();
  if (spec.sandbox.dieWithParent && !dieWithParent()) exitNow(125);
  const sockets = openSockets(request.listens, { pid: process.pid, env: lookups.env });
  const signals = catchSignals();
  try {
    for (const { chosen } of sockets) if (chosen !== undefined) note(`listening at ${chosen}`);
    return request.mode === "inetd"
      ? inetd(request, sockets, signals, instanceStart(request, parsed, lookups, spec))
      : listenFd(request, sockets, signals, spec, instanceStart(request, parsed, lookups, spec));
  } finally {
    closeSockets(sockets);
  }
}

type Start = (more: readonly string[], descriptors: readonly (readonly [number, Fd])[]) => Instance | LaunchFailure;

const now = (): number => performance.now();

function inetd(
  { most, mostPerAddress }: ListenRequest,
  sockets: readonly ListenSocket[],
  signals: SignalPipe,
  start: Start,
) {
  if (sockets.some(({ fd }) => isConnection(fd.number)))
    throw requestFault(
      "Cannot accept clients (--listen-mode inetd)",
      "systemd has done so, and handed on a connection",
      "Accept=no in the socket unit; or StandardInput=socket in that of the service, and no --listen",
    );
  return serveInetd({
    sockets: sockets.map(({ fd }) => fd),
    signals,
    most,
    mostPerAddress,
    now,
    tell: note,
    start: (connection, { variables }) => {
      const started = start(environmentWords(variables), [
        [0, connection],
        [1, connection],
      ]);
      return started.kind === "running" ? started : failureText(started);
    },
  });
}

function listenFd(
  { idleTimeout }: ListenRequest,
  sockets: readonly ListenSocket[],
  signals: SignalPipe,
  spec: Spec,
  start: Start,
): number {
  // PID 1 inside is ours, and the command its first child; without it, the command itself.
  const variables = [
    `LISTEN_FDS=${sockets.length}`,
    `LISTEN_FDNAMES=${sockets.map(({ name }) => name).join(":")}`,
    `LISTEN_PID=${spec.sandbox.init ? 2 : 1}`,
  ];
  const words = ["--preserve-fds", String(sockets.length), ...environmentWords(variables)];
  const handed = sockets.map(({ fd }, i) => [FIRST + i, fd] as const);
  // StandardInput=null of systemd.exec(5): there is nobody to type.
  const nothing = open("/dev/null", O_RDWR).raised(FIRST + sockets.length);
  const startOne = (): Instance => {
    const started = start(words, [[0, nothing], ...handed]);
    if (started.kind === "running") return started;
    throw requestFault("Cannot start the command (--listen)", failureText(started));
  };
  if (sockets.some(({ fd }) => isConnection(fd.number))) return serveConnection(signals, startOne, now);
  return serveListenFd({
    sockets: sockets.map(({ fd }) => fd),
    signals,
    idle: idleTimeout === undefined ? undefined : { ports: tcpPorts(sockets), timeout: idleTimeout },
    now,
    tell: note,
    start: startOne,
  });
}

/** --idle-timeout is for what the kernel tells the end of. Those of systemd may be of any kind. */
function tcpPorts(sockets: readonly ListenSocket[]): readonly number[] {
  return sockets.map(({ fd, name }) => {
    if (socketFamily(fd.number) === "other" && isListening(fd.number)) return localEndpoint(fd.number).port;
    throw requestFault("Cannot use --idle-timeout", `the socket ${name} is not one of TCP`, "drop --idle-timeout");
  });
}

function instanceStart(request: ListenRequest, parsed: Parsed, lookups: HostLookups, spec: Spec): Start {
  const env = Object.entries(lookups.env).flatMap(([name, value]) =>
    value === undefined || OWN_VARIABLE.test(name) ? [] : [`${name}=${value}`],
  );
  const limit = openFiles(request, parsed, spec);
  return (more, descriptors) => {
    try {
      return startInstance({ argv: instanceWords(parsed, [...limit, ...more]), env, descriptors });
    } catch (error) {
      // A moment's lack of descriptors (ENFILE) is no reason for the others to go.
      if (error instanceof SyscallError) return { kind: "clone", flags: [], errno: error.errno };
      throw error;
    }
  };
}

function environmentWords(variables: readonly string[]): readonly string[] {
  return variables.flatMap((variable) => ["--env", variable]);
}

/**
 * An instance takes its caller's limit for the command, and its caller is this process, whose own the runtime has raised. So that is taken
 * back, where the instances leave room for it; else an instance is told.
 */
function openFiles({ most }: ListenRequest, { values }: Parsed, { process }: Spec): readonly string[] {
  const isAsked = values.get("--ulimit")?.some((text) => text.startsWith("nofile="));
  const limit = process.rlimits.find(({ type }) => type === "RLIMIT_NOFILE");
  if (isAsked || limit === undefined) return [];
  if (limit.soft >= most + OWN_DESCRIPTORS && lowerOpenFiles(limit.soft)) return [];
  return ["--ulimit", `nofile=${limit.soft}:${limit.hard}`];
}

function failureText(failure: LaunchFailure): string {
  return "errno" in failure ? `${failure.kind} failed: ${errnoName(failure.errno)}` : "it ended before it had begun";
}
