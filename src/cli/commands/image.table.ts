// `sandbox image`: images of containers in the store.
import type { Command } from "../command.ts";
import { imageBuildCommand } from "./image_build.table.ts";
import { commit, importCommand, load, pull } from "./image_in.table.ts";
import { diff, history, inspect, ls, verify } from "./image_look.table.ts";
import { exportCommand, save } from "./image_out.table.ts";
import { HELP_FLAG, JSON_FLAG, MANY, STORE_FLAG } from "./store_flags.ts";

const tag: Command = {
  name: "image tag",
  summary: "Give an image a further name",
  usage: "sandbox image tag [OPTION...] IMAGE NEW",
  description: ["A name that another image has is moved to this one. IMAGE may be the beginning of a digest."],
  passthrough: false,
  positional: "none",
  takes: { least: 2, most: 2 },
  flags: [STORE_FLAG, HELP_FLAG],
  examples: [{ command: "sandbox image tag app:1 app:latest", does: "both names are the same image" }],
};

const rm: Command = {
  name: "image rm",
  summary: "Take names of images away, and what no other name needs",
  usage: "sandbox image rm [OPTION...] IMAGE...",
  description: [
    "Layers that another image, an environment or a running sandbox uses stay. Where one of the names is not there, nothing happens.",
  ],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: MANY },
  flags: [STORE_FLAG, HELP_FLAG],
  examples: [{ command: "sandbox image rm app:1 app:2", does: "and the layers that only they had" }],
};

const prune: Command = {
  name: "image prune",
  summary: "Remove layers and blobs that no image needs",
  usage: "sandbox image prune [OPTION...]",
  description: [
    "As `sandbox system prune`, for images alone: Alpine releases, tar files and beginnings of downloads stay.",
  ],
  passthrough: false,
  flags: [
    { name: "--all", short: "-a", group: "General", help: "Remove every image that no sandbox runs in" },
    { name: "--dry-run", group: "General", help: "Tell what would go, and remove nothing" },
    JSON_FLAG,
    STORE_FLAG,
    HELP_FLAG,
  ],
  examples: [{ command: "sandbox image prune --all --dry-run", does: "which images are not in use" }],
};

export const imageCommand: Command = {
  name: "image",
  summary: "Pull, save, look at and manage images",
  usage: "sandbox image COMMAND [ARGUMENT...]",
  description: [
    "Images of docker, podman and every OCI tool: from registries, archives and folders. `sandbox run --rootfs IMAGE` runs one, and pulls it first where the store has not got it.",
  ],
  passthrough: false,
  flags: [HELP_FLAG],
  examples: [
    { command: "sandbox image pull debian:stable-slim", does: "fetch an image" },
    { command: "sandbox image ls", does: "see what there is" },
    { command: "sandbox run --rootfs debian:stable-slim", does: "run its command" },
  ],
  verbs: [
    pull,
    imageBuildCommand,
    load,
    importCommand,
    save,
    exportCommand,
    ls,
    inspect,
    history,
    tag,
    rm,
    prune,
    commit,
    diff,
    verify,
  ],
};
