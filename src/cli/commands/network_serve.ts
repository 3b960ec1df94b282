// `sandbox network-serve NAME LISTENER RUNTIME LOCK DEFINITION`: the supervisor of a network, started by the first who joins. Not for people, so
// no help speaks of it.
import { Fd } from "../../../ffi/fd.ts";
import { O_RDONLY, open } from "../../../ffi/file.ts";
import { rawSyscall } from "../../../ffi/libc.ts";
import { acceptAny } from "../../../ffi/socket.ts";
import { sendMessage } from "../../../ffi/unix_message.ts";
import { Bridge } from "../../network/bridge.ts";
import { makeBridgeNamespace } from "../../network/bridge_namespace.ts";
import { unlinkRuntime } from "../../network/client.ts";
import { type NetworkDefinition, parseDefinition } from "../../network/definition.ts";
import { emitMessage } from "../../network/messages.ts";
import { NetworkError } from "../../network/network_error.ts";
import { nameProblem } from "../../network/network_name.ts";
import { Server } from "../../network/server.ts";
import { internalFault } from "../internal_fault.ts";
import { faultText } from "../say.ts";

export function networkServe([
  name = "",
  listening = "",
  runtime = "",
  lockPath = "",
  text = "",
]: readonly string[]): number {
  const read = parseDefinition(text);
  if (read.kind !== "read" || nameProblem(name) !== undefined || !/^\d{1,4}$/.test(listening))
    throw internalFault("Cannot serve a network");
  const listener = new Fd(Number(listening));
  const unlink = (): void => unlinkRuntime(runtime);
  const bridge = makeBridge(read.definition, listener, unlink);
  if (bridge === undefined) return 125;
  new Server({
    name,
    definition: read.definition,
    bridge,
    listener,
    userNamespace: open("/proc/self/ns/user", O_RDONLY),
    lock: open(lockPath, O_RDONLY),
    uid: rawSyscall("geteuid"),
    unlink,
    tools: { explain: (explanation) => faultText({ exitCode: 125, ...explanation }, false) },
  }).run();
  return 0;
}

/** Where there can be none, those who wait are told. */
function makeBridge(definition: NetworkDefinition, listener: Fd, unlink: () => void): Bridge | undefined {
  try {
    return new Bridge(definition, makeBridgeNamespace());
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    unlink();
    const { reason: cause, hint } = error;
    for (let client = acceptAny(listener.number); client >= 0; client = acceptAny(listener.number)) {
      sendMessage(client, emitMessage({ kind: "refused", cause, hint }));
    }
    console.error(error.message);
    return undefined;
  }
}
