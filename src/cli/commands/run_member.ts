// `sandbox run-member NAME CONNECTION ARGUMENT...`: `sandbox run ARGUMENT...` inside the user namespace of the network NAME, with the connection
// that holds its place there. Executed by join_network.ts; not for people, so no help speaks of it.
import { Fd, setCloseOnExec } from "../../../ffi/fd.ts";
import { socketFamily } from "../../../ffi/unix_socket.ts";
import { hostLookups } from "../../host/read_lookups.ts";
import { answerOf, tell } from "../../network/client.ts";
import { nameProblem } from "../../network/network_name.ts";
import { internalFault } from "../internal_fault.ts";
import { definitionOf } from "../join_network.ts";
import { networkPlace, onNetwork } from "../networks.ts";
import { run } from "./run.ts";

export function runMember([name = "", number = "", ...argv]: readonly string[]): Promise<number> {
  const isSound =
    nameProblem(name) === undefined && /^\d{1,5}$/.test(number) && socketFamily(Number(number)) === "unix";
  if (!isSound) throw internalFault();
  const connection = new Fd(Number(number));
  setCloseOnExec(connection.number);
  const place = networkPlace(name, hostLookups(process.env));
  const definition = definitionOf(place);
  const { ipv4, ipv6 } = onNetwork("join", name, () => {
    tell(connection, { kind: "join" });
    const { message, fds } = answerOf(connection, "joined", place.runtime);
    for (const fd of fds) fd.close();
    return message;
  });
  const addresses = { ipv4: ipv4 ?? undefined, ipv6: ipv6 ?? undefined };
  return run(argv, { network: name, definition, ...addresses, connection, runtime: place.runtime });
}
