// `sandbox network inspect NAME...`.
import { hostLookups } from "../../host/read_lookups.ts";
import type { Parsed } from "../command.ts";
import { shownNetwork } from "../network_members.ts";
import { networkPlace, noSuchNetwork, onNetwork } from "../networks.ts";
import { printJson } from "../print_json.ts";

export function networkInspect(parsed: Parsed): number {
  const lookups = hostLookups(process.env);
  const shown = parsed.positionals.map((name) =>
    onNetwork("inspect", name, () => {
      const place = networkPlace(name, lookups);
      const definition = place.networks.read(name);
      if (definition === undefined) throw noSuchNetwork("inspect", name, place.networks);
      return shownNetwork(place, definition);
    }),
  );
  return printJson(shown);
}
