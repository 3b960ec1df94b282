// What an image's configuration makes of a command line: its command, its folders, and what the Spec keeps of it for others. Pure.
import type { RunDefaults } from "../../rootfs-builder/oci/run_defaults.ts";
import type { Mount, Spec } from "../spec/spec.ts";
import type { ResolvedRootfs } from "./run_spec.ts";

/** As docker: words of the command line take the place of Cmd, `--entrypoint` that of both. An empty one stands for none. */
export function commandOf(
  entrypoint: string | undefined,
  words: readonly string[],
  image: RunDefaults | undefined,
  shell: () => string,
): readonly string[] {
  const first = entrypoint === undefined ? (image?.entrypoint ?? []) : entrypoint === "" ? [] : [entrypoint];
  const cmd = entrypoint === undefined ? (image?.cmd ?? []) : [];
  const command = [...first, ...(words.length > 0 ? words : cmd)];
  return command.length > 0 ? command : [shell()];
}

/** The working folder and the volumes, which an image may name without having them. */
export function imageFolders(rootfs: ResolvedRootfs, readonly: boolean): readonly Mount[] {
  if (rootfs.kind !== "folder" || rootfs.image === undefined || readonly) return [];
  const { workingDir, volumes } = rootfs.image;
  const paths = [...new Set([workingDir, ...volumes])].filter((path) => path !== "/");
  return paths.map((destination) => ({ type: "directory", destination, options: [] }));
}

/** OCI image-spec, conversion.md, "Annotation Fields". */
export function annotationsOf(image: RunDefaults | undefined): Pick<Spec, "annotations"> {
  if (image === undefined) return {};
  const { stopSignal, exposedPorts, labels } = image;
  const ports = exposedPorts.map(
    ({ first, last, protocol }) => `${first === last ? first : `${first}-${last}`}/${protocol}`,
  );
  return {
    annotations: {
      ...labels,
      ...(stopSignal !== undefined && { "org.opencontainers.image.stopSignal": stopSignal }),
      ...(ports.length > 0 && { "org.opencontainers.image.exposedPorts": ports.join(",") }),
    },
  };
}
