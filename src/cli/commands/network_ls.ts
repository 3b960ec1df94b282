// `sandbox network ls`.
import { hostLookups } from "../../host/read_lookups.ts";
import type { Parsed } from "../command.ts";
import { type ShownNetwork, shownNetwork } from "../network_members.ts";
import { networkPlace, networksFolder, onNetwork } from "../networks.ts";
import { print } from "../print.ts";
import { printJson } from "../print_json.ts";
import { coloursOn } from "../say.ts";
import { type Column, tableText } from "../table_text.ts";

export function networkLs(parsed: Parsed): number {
  const lookups = hostLookups(process.env);
  const networks = networksFolder(lookups);
  const shown = networks.names().flatMap((name) =>
    onNetwork("list", name, () => {
      const definition = networks.read(name);
      return definition === undefined ? [] : [shownNetwork(networkPlace(name, lookups), definition)];
    }),
  );
  if (parsed.switches.has("--json")) return printJson(shown);
  print(tableText(COLUMNS, shown, coloursOn(1, process.env)));
  return 0;
}

const COLUMNS: readonly Column<ShownNetwork>[] = [
  { title: "NAME", cell: ({ name }) => name },
  { title: "SUBNET", cell: ({ subnet }) => subnet ?? "-" },
  { title: "IPV6", cell: ({ ipv6 }) => ipv6 ?? "-" },
  { title: "REACH", cell: ({ internal }) => (internal ? "internal" : "world") },
  { title: "MEMBERS", cell: ({ members }) => String(members.length), right: true },
];
