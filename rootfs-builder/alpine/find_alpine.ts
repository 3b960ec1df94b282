// Is a release in the store? On the start path of `run`: a table and three system calls.
import type { InUse } from "../store/in_use.ts";
import { digestName, findRootfs, type Ownership, type TreeName, treeName } from "../store/layout.ts";
import { embeddedAlpine } from "./embedded.ts";
import { type AlpineArch, type AlpineRelease, resolveAlpine } from "./releases.ts";

/** What follows `alpine` or `alpine:` in `text`; `undefined` for another name. */
export function alpineVersion(text: string): string | undefined {
  if (text === "alpine") return "";
  return /^alpine:([\w.-]+)$/.exec(text)?.[1];
}

/** The release and, where the store has it, its tree, in use. Throws RootfsError for a release that is not in the table. */
export function findAlpine(
  version: string,
  { store, arch, ownership = { kind: "single" }, embedded = embeddedAlpine() }: Place,
): { readonly release: AlpineRelease; readonly tree: TreeName; readonly found: InUse | undefined } {
  const release = resolveAlpine(version, arch, embedded?.arch === arch ? embedded.version : undefined);
  const tree = treeName(digestName("sha512", release.sha512), ownership);
  return { release, tree, found: findRootfs(store, tree) };
}

type Place = {
  readonly store: string;
  readonly arch: AlpineArch;
  readonly ownership?: Ownership | undefined;
  readonly embedded?: ReturnType<typeof embeddedAlpine>;
};
