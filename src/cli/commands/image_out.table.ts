// Verbs of `sandbox image` that write images to files.
import type { Command } from "../command.ts";
import { FORMATS } from "../save_formats.ts";
import { HELP_FLAG, MANY, STORE_FLAG } from "./store_flags.ts";

export const save: Command = {
  name: "image save",
  summary: "Write images into an archive or an image layout",
  usage: "sandbox image save [OPTION...] IMAGE...",
  description: [
    "Writes the images as they came, byte for byte, for skopeo, podman, docker load or sandbox image load to read.",
    "Formats: oci-archive (default), an OCI image layout in one tar file; docker-archive, what docker save writes; oci, a layout in the folder FILE, which may hold images already.",
  ],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: MANY },
  flags: [
    {
      name: "--output",
      short: "-o",
      value: "FILE",
      group: "Output",
      help: "Where to (default: standard output, unless that is a terminal)",
      complete: "file",
    },
    {
      name: "--format",
      value: "FORMAT",
      group: "Output",
      help: "oci-archive (default), docker-archive or oci",
      complete: FORMATS,
    },
    STORE_FLAG,
    HELP_FLAG,
  ],
  examples: [
    { command: "sandbox image save -o app.tar app:1", does: "skopeo reads it as oci-archive:app.tar" },
    { command: "sandbox image save --format docker-archive app:1 | docker load", does: "to docker" },
    { command: "sandbox image save --format oci -o layout app:1 app:2", does: "two images into one folder" },
  ],
};

export const exportCommand: Command = {
  name: "image export",
  summary: "Write a root file system as a tar file",
  usage: "sandbox image export [OPTION...] IMAGE|env:NAME",
  description: [
    "Writes what a sandbox in the image (or in the environment NAME) sees as one tar file: all layers merged, without whiteouts. The same tree gives the same file.",
  ],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: 1 },
  flags: [
    {
      name: "--output",
      short: "-o",
      value: "FILE",
      group: "Output",
      help: "Where to (default: standard output, unless that is a terminal)",
      complete: "file",
    },
    STORE_FLAG,
    HELP_FLAG,
  ],
  examples: [
    { command: "sandbox image export alpine:3.22 -o alpine.tar", does: "the whole root file system" },
    { command: "sandbox image export env:dev | zstd > dev.tar.zst", does: "an environment, on what it was made on" },
  ],
};
