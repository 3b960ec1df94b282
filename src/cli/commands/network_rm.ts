// `sandbox network rm NAME...`.
import type { Fd } from "../../../ffi/fd.ts";
import { receiveMessage } from "../../../ffi/unix_message.ts";
import { requestFault } from "../../base/fault.ts";
import { hostLookups } from "../../host/read_lookups.ts";
import { answerOf, type NetworkPlace, tell, tryConnect, unlinkRuntime } from "../../network/client.ts";
import { nameProblem } from "../../network/network_name.ts";
import type { Parsed } from "../command.ts";
import { networkPlace, noSuchNetwork, onNetwork } from "../networks.ts";
import { print } from "../print.ts";

export function networkRm(parsed: Parsed): number {
  const lookups = hostLookups(process.env);
  const force = parsed.switches.has("--force");
  for (const name of parsed.positionals) {
    const place = networkPlace(name, lookups);
    if (onNetwork("remove", name, () => remove(place, force))) print(`${name}\n`);
    else if (!force) throw noSuchNetwork("remove", name, place.networks);
  }
  return 0;
}

/** Under the lock: nobody joins meanwhile. False where there is none. */
function remove({ name, networks, runtime }: NetworkPlace, force: boolean): boolean {
  if (nameProblem(name) !== undefined) return false;
  using lock = networks.lock(name);
  if (lock === undefined) return false;
  using supervisor = tryConnect(runtime);
  if (supervisor) end(name, supervisor, runtime, force);
  networks.remove(name);
  unlinkRuntime(runtime);
  return true;
}

function end(name: string, supervisor: Fd, runtime: string, force: boolean): void {
  tell(supervisor, { kind: "members" });
  const { members } = answerOf(supervisor, "members", runtime).message;
  if (members.length > 0 && !force)
    throw requestFault(
      `Cannot remove the network ${name}`,
      members.length === 1 ? "a sandbox is on it" : `${members.length} sandboxes are on it`,
      `see which: sandbox network inspect ${name}\nor take it away from them: sandbox network rm -f ${name}`,
    );
  tell(supervisor, { kind: "stop" });
  // Its end closes the connection: nothing else comes.
  receiveMessage(supervisor.number, 1);
}
