// `sandbox env ls`.
import { listEnvironments } from "../../../rootfs-builder/store/environments.ts";
import { type EnvironmentBase, showBase } from "../../../rootfs-builder/store/open_environment.ts";
import { ageText, sizeText } from "../amounts.ts";
import type { Parsed } from "../command.ts";
import { onStore } from "../on_store.ts";
import { print } from "../print.ts";
import { printJson } from "../print_json.ts";
import { coloursOn } from "../say.ts";
import { type Column, tableText } from "../table_text.ts";

type Row = {
  readonly name: string;
  readonly base: EnvironmentBase | undefined;
  readonly disk: number;
  readonly when: number;
  readonly state: string;
};

export async function envLs(parsed: Parsed): Promise<number> {
  const environments = await onStore(parsed, "list", "the environments", ({ store, jobs }) =>
    listEnvironments(store, jobs.run),
  );
  if (parsed.switches.has("--json")) return printJson(environments);
  const rows = environments.flatMap(({ name, snapshots, lastUsed, inUse, ...rest }): readonly Row[] => [
    { name, ...rest, when: lastUsed, state: inUse ? "in use" : "" },
    ...snapshots.map(({ tag, made, base, disk }) => ({
      name: `${name}@${tag}`,
      base,
      disk,
      when: made,
      state: "snapshot",
    })),
  ]);
  print(tableText(COLUMNS, rows, coloursOn(1, process.env)));
  return 0;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "NAME", cell: ({ name }) => name },
  { title: "BASE", cell: ({ base }) => (base ? showBase(base) : "-") },
  { title: "SIZE", cell: ({ disk }) => sizeText(disk), right: true },
  { title: "LAST USED", cell: ({ when }) => ageText(when, Date.now()) },
  { title: "STATE", cell: ({ state }) => state },
];
