// Verbs of `sandbox image` that bring images into the store.
import type { Command, Flag } from "../command.ts";
import { HELP_FLAG, MANY, STORE_FLAG } from "./store_flags.ts";

const QUIET: Flag = { name: "--quiet", short: "-q", group: "General", help: "Show no progress" };
const CHANGE: Flag = {
  name: "--change",
  short: "-c",
  value: "INSTRUCTION",
  repeat: true,
  group: "Image",
  help: "Set what the image says of itself, as a Dockerfile does: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR",
};
const MESSAGE: Flag = {
  name: "--message",
  short: "-m",
  value: "TEXT",
  group: "Image",
  help: "A comment for its history",
};

export const pull: Command = {
  name: "image pull",
  summary: "Fetch images into the store",
  usage: "sandbox image pull [OPTION...] IMAGE...",
  description: [
    "IMAGE is NAME[:TAG][@DIGEST] of a registry (docker:// is understood and may be left out), or a source on this machine: oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], dir:DIR. Every byte is verified while it comes; an interrupted pull goes on where it stopped.",
    "Logins are those of docker and podman: $REGISTRY_AUTH_FILE, ~/.docker/config.json, and their credential helpers. Prints each image's digest.",
  ],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: MANY },
  flags: [
    {
      name: "--platform",
      value: "OS/ARCH[/VARIANT]",
      group: "Source",
      help: "Which of an image for several (default: this machine's)",
    },
    {
      name: "--insecure",
      group: "Source",
      help: "From a registry without TLS, or with a certificate that nobody vouches for",
    },
    QUIET,
    STORE_FLAG,
    HELP_FLAG,
  ],
  examples: [
    { command: "sandbox image pull alpine:3.22 debian:stable-slim", does: "from Docker Hub" },
    { command: "sandbox image pull ghcr.io/org/app@sha256:...", does: "exactly this one" },
    {
      command: "sandbox image pull oci:./layout:latest",
      does: "from an OCI image layout, as umoci and skopeo write it",
    },
  ],
};

export const load: Command = {
  name: "image load",
  summary: "Take images out of an archive",
  usage: "sandbox image load [OPTION...] FILE",
  description: [
    "FILE is what docker save, podman save, skopeo or sandbox image save wrote (docker-archive or oci-archive, told by its content; may be compressed), or - for standard input. All images in it are loaded under their names; one without a name gets localhost/FILE:latest, or --name. Prints each name and digest.",
  ],
  passthrough: false,
  positional: "file",
  takes: { least: 1, most: 1 },
  flags: [
    { name: "--name", value: "NAME", group: "Image", help: "What to call the one image in it" },
    {
      name: "--platform",
      value: "OS/ARCH[/VARIANT]",
      group: "Source",
      help: "Which of an image for several (default: this machine's)",
    },
    QUIET,
    STORE_FLAG,
    HELP_FLAG,
  ],
  examples: [
    { command: "docker save app | sandbox image load -", does: "from another machine's docker" },
    { command: "sandbox image load --name app:1 app.tar", does: "under another name" },
  ],
};

export const importCommand: Command = {
  name: "image import",
  summary: "Make an image of a tar file of a file system",
  usage: "sandbox image import [OPTION...] FILE [NAME]",
  description: [
    "FILE is a tar file (plain, gzip, zstd or xz), or - for standard input. It becomes an image of one layer, called NAME, or localhost/FILE:latest. Prints the name and digest.",
  ],
  passthrough: false,
  positional: "file",
  takes: { least: 1, most: 2 },
  flags: [
    CHANGE,
    { name: "--platform", value: "OS/ARCH[/VARIANT]", group: "Image", help: "What it is for (default: this machine)" },
    QUIET,
    STORE_FLAG,
    HELP_FLAG,
  ],
  examples: [
    { command: "sandbox image import rootfs.tar.gz base:1", does: "run it with: sandbox run --rootfs base:1" },
    { command: "sandbox image import -c 'CMD [\"/bin/app\"]' -c 'ENV A=1' app.tar app", does: "with its command" },
  ],
};

export const commit: Command = {
  name: "image commit",
  summary: "Make an image of an environment",
  usage: "sandbox image commit [OPTION...] ENVIRONMENT IMAGE",
  description: [
    "What `sandbox run --persist ENVIRONMENT` has changed becomes a layer on the image that it was made on; on Alpine, a tar file or a folder, that becomes the first layer. The environment stays as it is. Prints the digest.",
  ],
  passthrough: false,
  positional: "none",
  takes: { least: 2, most: 2 },
  flags: [
    CHANGE,
    MESSAGE,
    { name: "--author", value: "TEXT", group: "Image", help: "Who made it" },
    QUIET,
    STORE_FLAG,
    HELP_FLAG,
  ],
  examples: [
    { command: "sandbox image commit dev app:1", does: "then: sandbox run --rootfs app:1" },
    { command: "sandbox image commit -c 'ENTRYPOINT [\"/app\"]' -m 'first try' dev app:1", does: "with its command" },
  ],
};
