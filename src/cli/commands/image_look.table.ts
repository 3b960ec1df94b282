// Verbs of `sandbox image` that look at images.
import type { Command } from "../command.ts";
import { HELP_FLAG, JSON_FLAG, MANY, STORE_FLAG } from "./store_flags.ts";

export const ls: Command = {
  name: "image ls",
  summary: "List the images in the store",
  usage: "sandbox image ls [OPTION...]",
  description: [
    "SIZE is what the unpacked layers take on the disk; layers that images share count for each of them (sandbox system df counts them once).",
  ],
  passthrough: false,
  flags: [{ name: "--quiet", short: "-q", group: "General", help: "Names alone" }, JSON_FLAG, STORE_FLAG, HELP_FLAG],
  examples: [{ command: "sandbox image ls --json | jq -r '.[].name'", does: "for programs" }],
};

export const inspect: Command = {
  name: "image inspect",
  summary: "Show all that the store knows of images",
  usage: "sandbox image inspect [OPTION...] IMAGE...",
  description: [
    "Shows how each image wants to be run, where it is from, and its layers. IMAGE is a name, or the beginning of a digest as image ls shows it.",
  ],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: MANY },
  flags: [
    { name: "--json", group: "General", help: "Print it as JSON: a list, with manifest and configuration as they are" },
    STORE_FLAG,
    HELP_FLAG,
  ],
  examples: [
    { command: "sandbox image inspect alpine", does: "for people" },
    { command: "sandbox image inspect --json alpine | jq '.[0].config.config'", does: "for programs" },
  ],
};

export const history: Command = {
  name: "image history",
  summary: "Show the steps that an image was made in",
  usage: "sandbox image history [OPTION...] IMAGE",
  description: ["The newest first. SIZE is that of the step's layer on the disk; steps without one changed no file."],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: 1 },
  flags: [{ name: "--no-trunc", group: "General", help: "Show commands in full" }, JSON_FLAG, STORE_FLAG, HELP_FLAG],
  examples: [{ command: "sandbox image history app:1", does: "what was done, and what each step added" }],
};

export const diff: Command = {
  name: "image diff",
  summary: "Show what the last layer of an image changes",
  usage: "sandbox image diff [OPTION...] IMAGE|env:NAME",
  description: [
    "Prints a line for each change: A added, C changed, D deleted. With env:NAME, what the environment changes of what it was made on.",
  ],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: 1 },
  flags: [JSON_FLAG, STORE_FLAG, HELP_FLAG],
  examples: [{ command: "sandbox image diff app:1", does: "what its topmost layer does to those below" }],
};

export const verify: Command = {
  name: "image verify",
  summary: "Verify all that images consist of",
  usage: "sandbox image verify [OPTION...] IMAGE...",
  description: [
    "Hashes the blobs of each image again and compares its unpacked layers with their descriptions. Exit status: 0 when they are whole, 1 when not.",
  ],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: MANY },
  flags: [JSON_FLAG, STORE_FLAG, HELP_FLAG],
  examples: [{ command: "sandbox image verify app:1", does: "is it what it was when it came?" }],
};
