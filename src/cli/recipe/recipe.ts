// What a recipe says, once read: the section [rootfs] of a sandbox.toml, for a root file system that is prepared once and then found.

export type Recipe = {
  /** As for --rootfs: `alpine:3.22`, an image, a tar file. Paths are from the recipe's folder. */
  readonly from: string;
  readonly packages: readonly Package[];
  readonly copy: readonly CopiedPath[];
  /** For `sh -ec`, one each. */
  readonly run: readonly string[];
  /** Names and values, in the recipe's order. */
  readonly env: readonly (readonly [string, string])[];
};

export type Package =
  /** As apk-add(8) takes it: `gcc`, `python3=3.12.8-r1`, `jq>1.7`. */
  | { readonly kind: "name"; readonly name: string }
  /** A package file, below the recipe's folder. */
  | { readonly kind: "file"; readonly path: string };

export type CopiedPath = {
  /** Below the recipe's folder; `.` for the folder itself. */
  readonly from: string;
  /** Absolute. With a slash at its end it is a folder to put the file into. */
  readonly to: string;
};
