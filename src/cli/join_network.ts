// `sandbox run --net NAME`: a place on the network, then this program once more, inside the network's user namespace.
import type { Fd } from "../../ffi/fd.ts";
import { requestFault, usageFault } from "../base/fault.ts";
import { hostLookups } from "../host/read_lookups.ts";
import { subordinateRanges } from "../host/subordinate_ranges.ts";
import { idMapper } from "../launch/id_mapper.ts";
import type { LaunchFailure } from "../launch/launch_plan.ts";
import { firstAddresses } from "../network/allotment.ts";
import { answerOf, connectOrStart, type NetworkPlace, tell } from "../network/client.ts";
import { formatDefinition, type NetworkDefinition } from "../network/definition.ts";
import { NetworkError } from "../network/network_error.ts";
import { startServer } from "../network/start_server.ts";
import { userNamespaceMaps } from "../network/user_namespace_maps.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import { NET_WORDS } from "../spec/net_word.ts";
import type { Parsed } from "./command.ts";
import { flagReader } from "./flag_reader.ts";
import { goOnInside } from "./go_on_inside.ts";
import { leastDescriptor } from "./least_descriptor.ts";
import type { Membership } from "./membership.ts";
import { makeRuntime, networkPlace, onNetwork } from "./networks.ts";
import { nearest } from "./parse/nearest.ts";
import { parseInteger } from "./parse/values.ts";
import { NET_HINT } from "./parse_network.ts";

/** Does not come back. `argv`: the words after `run`. */
export function joinNetwork(name: string, parsed: Parsed, argv: readonly string[]): never {
  const lookups = hostLookups(process.env);
  const place = networkPlace(name, lookups);
  const definition = definitionOf(place);
  const preserved = parseInteger("--preserve-fds", flagReader(parsed).one("--preserve-fds") ?? "0", 0, 1024);
  const { connection, userNamespace } = onNetwork("join", name, () => {
    makeRuntime(place, lookups);
    const connected = connectOrStart(place, (listener, log) => start({ place, definition, lookups, listener, log }));
    if (connected === undefined) throw new NetworkError("it has been removed");
    const connection = connected.connection.raised(leastDescriptor(preserved));
    return { connection, userNamespace: connected.userNamespace ?? askedNamespace(connection, place) };
  });
  return goOnInside({
    preserved,
    namespaces: [{ fd: userNamespace.number, type: "user" }],
    words: ["run-member", name, String(connection.number), ...argv],
    keep: [connection.number],
  });
}

function askedNamespace(connection: Fd, { runtime }: NetworkPlace): Fd {
  tell(connection, { kind: "join" });
  const [userNamespace] = answerOf(connection, "joined", runtime).fds;
  if (userNamespace === undefined) throw new NetworkError("its supervisor has sent no user namespace");
  return userNamespace;
}

/** What it would be, for --explain: nobody is asked, nothing is started. */
export function wouldJoin(name: string): Membership {
  const place = networkPlace(name, hostLookups(process.env));
  const definition = definitionOf(place);
  return { network: name, definition, ...firstAddresses(definition), connection: undefined, runtime: place.runtime };
}

/** Throws a usage fault (exit 2): the word may be one that was not meant. */
export function definitionOf({ name, networks }: NetworkPlace): NetworkDefinition {
  const definition = onNetwork("join", name, () => networks.read(name));
  if (definition !== undefined) return definition;
  const near = nearest(name, [...networks.names(), ...NET_WORDS]);
  throw usageFault(
    `Cannot use --net ${name}`,
    `there is no network ${name}`,
    `${near === undefined ? "" : `did you mean ${near}?\n`}${NET_HINT}\nor make it: sandbox network create ${name}`,
  );
}

type StartOrder = {
  readonly place: NetworkPlace;
  readonly definition: NetworkDefinition;
  readonly lookups: HostLookups;
  readonly listener: Fd;
  readonly log: string;
};

function start({ place, definition, lookups, listener, log }: StartOrder): Fd {
  const { uid, gid, env } = lookups;
  const ranges = subordinateRanges(uid, env.PATH);
  const started = startServer({
    argv: [
      ...["sandbox", "network-serve", place.name, String(listener.number), place.runtime],
      ...[place.networks.fileOf(place.name), formatDefinition(definition).replace(/\s/g, "")],
    ],
    keep: [listener.number],
    maps: userNamespaceMaps({ uid, gid }, typeof ranges === "string" ? undefined : ranges),
    mapIds: idMapper(env.PATH ?? ""),
    log,
  });
  if (started.kind === "started") return started.userNamespace;
  throw startFault(place.name, started);
}

function startFault(name: string, failure: LaunchFailure) {
  const detail =
    failure.kind === "step"
      ? `${failure.step.call}: errno ${failure.errno}`
      : failure.kind === "clone"
        ? `clone3: errno ${failure.errno}`
        : failure.kind === "helper"
          ? `${failure.program}: ${failure.message}`
          : failure.kind;
  return requestFault(
    `Cannot start the network ${name}`,
    `no user namespace can be made for it (${detail})`,
    "see: sandbox doctor",
  );
}
