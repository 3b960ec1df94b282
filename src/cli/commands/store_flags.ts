// Flags that every command on the store has.
import type { Flag } from "../command.ts";

export const STORE_FLAG: Flag = {
  name: "--store",
  value: "DIR",
  group: "General",
  help: "Where the store is (default: $XDG_DATA_HOME/sandbox)",
  complete: "directory",
};
export const JSON_FLAG: Flag = { name: "--json", group: "General", help: "Print it as JSON" };
export const HELP_FLAG: Flag = { name: "--help", short: "-h", group: "General", help: "Show this" };
/** No command line of an execve(2) has more words. */
export const MANY = 2 ** 21;
