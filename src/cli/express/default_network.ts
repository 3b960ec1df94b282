// The network of a command line that says nothing of it. Imported `with { type: "macro" }`: a start carries the result.
import type { HostLookups } from "../../spec/host_lookups.ts";
import type { LateNetwork } from "../../supervisor/late_network.ts";
import { runCommand } from "../commands/run.table.ts";
import { flagReader } from "../flag_reader.ts";
import { parseArguments } from "../parse/arguments.ts";
import { runNetwork } from "../run_network.ts";

export type DefaultNetwork = Omit<LateNetwork, "colour">;

const NOTHING = { cwd: "/", text: () => undefined } as unknown as HostLookups;

export function defaultNetwork(): DefaultNetwork {
  const parsed = parseArguments(runCommand, ["--net", "slirp", "--", "/command"]);
  const { network } = runNetwork(flagReader(parsed), NOTHING);
  if (network === undefined) throw new Error("slirp is no network of our own");
  return { network, hostname: "sandbox" };
}
