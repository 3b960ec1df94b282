// `sandbox system`: what is kept on the disk as a whole.
import type { Command } from "../command.ts";
import { HELP_FLAG, JSON_FLAG, STORE_FLAG } from "./store_flags.ts";

const df: Command = {
  name: "system df",
  summary: "Show what takes how much space in the store",
  usage: "sandbox system df [OPTION...]",
  description: [
    "Every byte is counted once: a layer that several images share is one layer. RECLAIMABLE is what `sandbox system prune --all --layer-blobs` would free without taking any image away.",
  ],
  passthrough: false,
  flags: [
    { name: "--verbose", short: "-v", group: "General", help: "List every image, layer and environment" },
    JSON_FLAG,
    STORE_FLAG,
    HELP_FLAG,
  ],
  examples: [
    { command: "sandbox system df", does: "images, layers, root file systems, environments, and their sizes" },
    { command: "sandbox system df -v", does: "each of them by its name" },
  ],
};

const prune: Command = {
  name: "system prune",
  summary: "Remove what nothing needs any more",
  usage: "sandbox system prune [OPTION...]",
  description: [
    "Removes layers and blobs that no image and no environment leads to, and what killed processes have left. What a running sandbox uses always stays, and environments do.",
  ],
  passthrough: false,
  flags: [
    {
      name: "--all",
      short: "-a",
      group: "General",
      help: "Remove every image that no sandbox runs in, unpacked Alpine releases and tar files, and beginnings of downloads too",
    },
    {
      name: "--layer-blobs",
      group: "General",
      help: "Remove layers as they were sent where they are unpacked (image save then needs a pull)",
    },
    { name: "--dry-run", group: "General", help: "Tell what would go, and remove nothing" },
    JSON_FLAG,
    STORE_FLAG,
    HELP_FLAG,
  ],
  examples: [
    { command: "sandbox system prune", does: "what nothing leads to" },
    { command: "sandbox system prune --all --dry-run", does: "what would go if everything unused went" },
  ],
};

const check: Command = {
  name: "system check",
  summary: "Verify everything in the store",
  usage: "sandbox system check [OPTION...]",
  description: [
    "Hashes every blob again, compares every unpacked file with its description, and follows every name. With --repair, what is damaged is taken out, so that the next run or pull makes it anew; what that loses is told.",
    "Exit status: 0 when the store is whole (or has been repaired), 1 when not.",
  ],
  passthrough: false,
  flags: [{ name: "--repair", group: "General", help: "Take out what is damaged" }, JSON_FLAG, STORE_FLAG, HELP_FLAG],
  examples: [
    { command: "sandbox system check", does: "is everything as it should be?" },
    { command: "sandbox system check --repair", does: "mend what can be mended" },
  ],
};

export const systemCommand: Command = {
  name: "system",
  summary: "Look after the store: its size, its cleanliness, its health",
  usage: "sandbox system COMMAND [ARGUMENT...]",
  description: [
    "The store keeps images, unpacked root file systems and environments, in $XDG_DATA_HOME/sandbox unless --store says otherwise.",
  ],
  passthrough: false,
  flags: [HELP_FLAG],
  examples: [
    { command: "sandbox system df", does: "how much is kept" },
    { command: "sandbox system prune", does: "and away with what nothing needs" },
  ],
  verbs: [df, prune, check],
};
