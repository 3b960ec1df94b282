// Is a release in the store? On the start path of `run`: a table and one system call.
import { digestName, findRootfs } from "../store/layout.ts";
import { embeddedAlpine } from "./embedded.ts";
import { type AlpineArch, type AlpineRelease, resolveAlpine } from "./releases.ts";

/** What follows `alpine` or `alpine:` in `text`; `undefined` for another name. */
export function alpineVersion(text: string): string | undefined {
  if (text === "alpine") return "";
  return /^alpine:([\w.-]+)$/.exec(text)?.[1];
}

/** The release and, where the store has it, its tree. Throws RootfsError for a release that is not in the table. */
export function findAlpine(
  version: string,
  { store, arch, embedded = embeddedAlpine() }: Place,
): { readonly release: AlpineRelease; readonly path: string | undefined } {
  const release = resolveAlpine(version, arch, embedded?.arch === arch ? embedded.version : undefined);
  return { release, path: findRootfs(store, digestName("sha512", release.sha512)) };
}

type Place = {
  readonly store: string;
  readonly arch: AlpineArch;
  readonly embedded?: ReturnType<typeof embeddedAlpine>;
};
