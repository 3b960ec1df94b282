// `sandbox image build`: its flags.
import type { Command } from "../command.ts";

export const imageBuildCommand: Command = {
  name: "image build",
  summary: "Prepare a root file system by a recipe",
  usage: "sandbox image build [OPTION...]",
  description: [
    "Makes an image by the section [rootfs] of a sandbox.toml: from (alpine, alpine:VERSION, an image, a tar file), packages, copy, run and env. Packages are added, then files copied, then commands run, each as root in a sandbox.",
    "A step that was made before, on the same base, from the same text and the same content of files, is found and not made again. The image's name is printed.",
    "Exit status: 0 when the image is there; 125 when it could not be made, and then no name leads to it; 2 wrong usage.",
  ],
  passthrough: false,
  flags: [
    {
      name: "--file",
      short: "-f",
      value: "FILE",
      group: "Build",
      help: "The recipe (default: sandbox.toml)",
      complete: "file",
    },
    { name: "--tag", short: "-t", value: "NAME", group: "Build", help: "A further name for the image, NAME[:TAG]" },
    { name: "--no-cache", group: "Build", help: "Make every step anew" },
    {
      name: "--network",
      value: "MODE",
      group: "Build",
      help: "none (default); slirp: a network of its own, for packages from Alpine's mirrors; host: the host's",
      complete: ["none", "slirp", "host"],
    },
    {
      name: "--userns",
      value: "MODE",
      group: "Build",
      help: "auto (default), single or range: the ids that the steps have",
      complete: ["auto", "single", "range"],
    },
    {
      name: "--pull",
      value: "WHEN",
      group: "Base",
      help: "Pull the image to begin with: missing (default), always, never",
      complete: ["missing", "always", "never"],
    },
    { name: "--platform", value: "OS/ARCH[/VARIANT]", group: "Base", help: "Of that image (default: this machine's)" },
    { name: "--insecure", group: "Base", help: "Pull from a registry without TLS, or with an unknown certificate" },
    {
      name: "--mirror",
      value: "URL",
      group: "Base",
      help: "Where Alpine is downloaded from (default: $SANDBOX_ALPINE_MIRROR, else Alpine's own)",
    },
    {
      name: "--store",
      value: "DIR",
      group: "General",
      help: "Where root file systems are kept (default: $XDG_DATA_HOME/sandbox)",
      complete: "directory",
    },
    { name: "--help", short: "-h", group: "General", help: "Show this" },
  ],
  examples: [
    { command: "sandbox image build", does: "what ./sandbox.toml says" },
    { command: "sandbox image build -f ci.toml -t ci --network slirp", does: "with packages, under a name" },
    { command: "sandbox run --rootfs sandbox.toml -- make", does: "a run on it, built first where it has to be" },
  ],
};
