// What to call an image of which only the file is known.

/** `localhost/base` of `/a/Base.tar.gz`: in lower case, without what no name of an image may have. */
export function fileName(path: string): string {
  const base = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  const bare = base.replace(/(?:\.(?:tar|tgz|gz|xz|zst|zstd|oci|img))+$/, "");
  const kept = bare.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "");
  return `localhost/${kept === "" ? "image" : kept}`;
}
