// A sandbox's place on a named network, from when it has joined to the end of its process: what the network gave it, and the connection that
// holds it. `--net NAME` goes its way twice: join_network.ts asks for a place and executes this program again, inside the user namespace that
// all members' are nested in; that one (commands/run_member.ts) then runs the sandbox as any other.
import type { Fd } from "../../ffi/fd.ts";
import type { NetworkDefinition } from "../network/definition.ts";
import { nameProblem } from "../network/network_name.ts";
import { netWord } from "../spec/net_word.ts";
import type { NetworkAddresses } from "../spec/spec.ts";
import type { Parsed } from "./command.ts";

export type Membership = {
  readonly network: string;
  readonly definition: NetworkDefinition;
  readonly ipv4: NetworkAddresses | undefined;
  readonly ipv6: NetworkAddresses | undefined;
  /** None where a sandbox is only explained. */
  readonly connection: Fd | undefined;
  /** Where the network's supervisor is found. */
  readonly runtime: string;
};

/** The network that `--net` names, if it names one. A word that cannot be a name is left to parse_network.ts, which says what is wrong. */
export function networkNamed({ values }: Parsed): string | undefined {
  const text = values.get("--net")?.[0];
  if (text === undefined || netWord(text) !== undefined) return undefined;
  return nameProblem(text) === undefined ? text : undefined;
}
