// `sandbox network`: networks that sandboxes share, which `sandbox run --net NAME` joins.
import type { Command } from "../command.ts";
import { HELP_FLAG, JSON_FLAG, MANY } from "./store_flags.ts";

const create: Command = {
  name: "network create",
  summary: "Make a network",
  usage: "sandbox network create [OPTION...] NAME",
  description: [
    "Says what the network NAME is. Nothing runs by it: the first sandbox that joins brings the network up, and with the last one it goes.",
  ],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: 1 },
  flags: [
    {
      name: "--subnet",
      value: "CIDR|off",
      group: "Addresses",
      help: "IPv4 addresses of its members (default: the next free one of 10.89.0.0/24, 10.89.1.0/24, ...)",
      complete: ["off"],
    },
    {
      name: "--ipv6",
      value: "CIDR|off",
      group: "Addresses",
      help: "IPv6 addresses of its members (default: a /64 of fd00::/8, chosen at random)",
      complete: ["off"],
    },
    { name: "--mtu", value: "N", group: "Addresses", help: "The largest packet, 1280 to 65520 (default: 65520)" },
    { name: "--internal", group: "Reach", help: "Its members reach each other and nobody else" },
    {
      name: "--host-loopback",
      group: "Reach",
      help: "The host's own loopback answers at the gateway's address, and as host.sandbox.internal",
    },
    HELP_FLAG,
  ],
  examples: [
    { command: "sandbox network create dev", does: "a network of both families" },
    { command: "sandbox network create --subnet 192.168.50.0/24 --ipv6 off lab", does: "addresses of your own choice" },
    { command: "sandbox network create --internal backend", does: "one without a way out" },
  ],
};

const ls: Command = {
  name: "network ls",
  summary: "List the networks",
  usage: "sandbox network ls [OPTION...]",
  description: ["Lists the networks, their addresses, and how many sandboxes are on each."],
  passthrough: false,
  flags: [JSON_FLAG, HELP_FLAG],
  examples: [{ command: "sandbox network ls", does: "all networks" }],
};

const inspect: Command = {
  name: "network inspect",
  summary: "Show a network and its members as JSON",
  usage: "sandbox network inspect [OPTION...] NAME...",
  description: ["Prints what each NAME is, and who is on it: names, addresses and process of each member."],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: MANY },
  flags: [HELP_FLAG],
  examples: [{ command: "sandbox network inspect dev", does: "dev and its members" }],
};

const rm: Command = {
  name: "network rm",
  summary: "Remove networks",
  usage: "sandbox network rm [OPTION...] NAME...",
  description: ["Removes each NAME. One that sandboxes are on is an error."],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: MANY },
  flags: [
    {
      name: "--force",
      short: "-f",
      group: "General",
      help: "Also with sandboxes on it, which go on without a network; one that is not there is no error",
    },
    HELP_FLAG,
  ],
  examples: [
    { command: "sandbox network rm dev", does: "the network dev" },
    { command: "sandbox network rm -f dev", does: "whoever is on it" },
  ],
};

export const networkCommand: Command = {
  name: "network",
  summary: "Manage networks that sandboxes share (run --net NAME)",
  usage: "sandbox network COMMAND [ARGUMENT...]",
  description: [
    "Sandboxes on one network reach each other by address and by name (their --hostname and --network-alias), whatever they publish, and the world by the same way out as --net slirp, each under rules of its own. Rules are for what leaves the network, not for what its members say to each other.",
  ],
  passthrough: false,
  flags: [HELP_FLAG],
  examples: [
    { command: "sandbox network create dev", does: "make one" },
    { command: "sandbox run --net dev --hostname db --rootfs alpine", does: "join it as db" },
    { command: "sandbox run --net dev --rootfs alpine ping -c1 db", does: "and talk to it" },
  ],
  verbs: [create, ls, inspect, rm],
};
