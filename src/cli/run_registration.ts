// A sandbox that others can name: --name, and any with published ports, is written down among those that run before it starts.
import { type FaultError, requestFault, usageFault } from "../base/fault.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import type { NetworkAddresses } from "../spec/spec.ts";
import { type Registration, register } from "../state/registration.ts";
import { openRuntimeFolder } from "../state/runtime_folder.ts";
import { isSandboxName } from "../state/sandbox_name.ts";
import type { NetworkState } from "../state/sandbox_state.ts";
import { leastDescriptor } from "./least_descriptor.ts";
import { newId } from "./new_id.ts";
import type { RunNetwork } from "./run_network.ts";
import type { BuiltSpec } from "./run_spec.ts";

/** Of the folders that this program keeps for what runs. */
export const SANDBOXES = "sandboxes";

export function sandboxName(text: string): string {
  if (isSandboxName(text)) return text;
  throw usageFault(
    `Cannot use --name ${JSON.stringify(text)}`,
    "a name has letters, digits, _ . and -, 63 at most, and begins with a letter or digit",
    "take such a one: --name web-1",
  );
}

/** Throws where the name is another's. */
export function registerSandbox(
  name: string | undefined,
  word: string | undefined,
  { spec, network }: BuiltSpec,
  lookups: HostLookups,
): Registration {
  const claimed = register(openRuntimeFolder(lookups, SANDBOXES), {
    name,
    created: new Date(),
    command: spec.process.args,
    network: networkState(word, network),
    hasControl: network.network !== undefined && network.network.member === undefined,
    newId,
    leastFd: leastDescriptor(spec.sandbox.preserveFds),
  });
  if (claimed.kind === "taken") throw takenFault(name ?? "", claimed.by);
  return claimed.registration;
}

function takenFault(name: string, by: string): FaultError {
  return requestFault(
    `Cannot call a sandbox ${name} (--name)`,
    `sandbox ${by} has that name`,
    "take another, or end that one first",
  );
}

/** `word`: as `--net` has it. */
function networkState(word: string | undefined, { mode, network, files }: RunNetwork): NetworkState {
  const shown = (addresses: NetworkAddresses | undefined): string | undefined =>
    addresses && `${addresses.address}/${addresses.prefixLength}`;
  const shared = word?.startsWith("container:") ? word : "ns";
  return {
    mode: mode === "shared" ? shared : mode === "named" ? (word ?? mode) : mode,
    ipv4: shown(network?.ipv4),
    ipv6: shown(network?.ipv6),
    resolver: files,
  };
}
