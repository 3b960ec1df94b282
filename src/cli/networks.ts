// The named networks of the caller, and how what is wrong with one is said.
import { SyscallError } from "../../ffi/syscall_error.ts";
import { type FaultError, requestFault } from "../base/fault.ts";
import type { NetworkPlace } from "../network/client.ts";
import { NetworkError } from "../network/network_error.ts";
import { NetworksFolder } from "../network/networks_folder.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import { openRuntimeFolder, runtimePath } from "../state/runtime_folder.ts";
import { fileFault } from "./file_fault.ts";
import { nearest } from "./parse/nearest.ts";
import { storeFolder } from "./store_folder.ts";

/** Of the folders that this program keeps for what runs. */
const NETWORKS = "networks";

export function networksFolder(lookups: Pick<HostLookups, "cwd" | "env">): NetworksFolder {
  return new NetworksFolder(storeFolder(undefined, lookups));
}

export function networkPlace(name: string, lookups: HostLookups): NetworkPlace {
  return { name, networks: networksFolder(lookups), runtime: `${runtimePath(lookups)}/${NETWORKS}/${name}` };
}

/** Where the sockets of `name` are, which is {@link networkPlace}'s `runtime`. */
export function makeRuntime({ name }: NetworkPlace, lookups: HostLookups): void {
  openRuntimeFolder(lookups, NETWORKS, name).fd.close();
}

/** What `act` gives; its failures as "Cannot VERB the network NAME". */
export function onNetwork<T>(verb: string, name: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const what = `Cannot ${verb} the network ${name}`;
    if (error instanceof NetworkError) throw requestFault(what, error.reason, error.hint);
    if (error instanceof SyscallError) throw fileFault(verb, `the network ${name}`, error);
    throw error;
  }
}

export function noSuchNetwork(verb: string, name: string, networks: NetworksFolder): FaultError {
  const near = nearest(name, networks.names());
  const lines = [near === undefined ? "" : `did you mean ${near}?`, "see what there is: sandbox network ls"];
  return requestFault(
    `Cannot ${verb} the network ${name}`,
    "there is no such network",
    lines.filter(Boolean).join("\n"),
  );
}
