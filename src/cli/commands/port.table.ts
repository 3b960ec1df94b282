// `sandbox port`: published ports of sandboxes while they run.
import type { Command } from "../command.ts";
import { HELP_FLAG, JSON_FLAG, MANY } from "./store_flags.ts";

const ls: Command = {
  name: "port ls",
  summary: "List the published ports of sandboxes that run",
  usage: "sandbox port ls [OPTION...] [SANDBOX]",
  description: [
    "Lists which ports of the host's lead where: of SANDBOX, or of all that have a network of their own. SANDBOX is a name (run --name), an id, or the beginning of an id.",
  ],
  passthrough: false,
  positional: "sandbox",
  flags: [JSON_FLAG, HELP_FLAG],
  examples: [{ command: "sandbox port ls web", does: "the ports of web" }],
};

const add: Command = {
  name: "port add",
  summary: "Publish further ports of a sandbox that runs",
  usage: "sandbox port add SANDBOX [IP:][HOST]:PORT[/tcp|/udp]...",
  description: [
    "Leads ports of the host's to ports inside, in the words of run --publish, and prints each. A port alone, or 0 as the host's: the kernel chooses.",
    "All are taken before the first is published: where one cannot be had, none is.",
  ],
  passthrough: false,
  positional: "sandbox",
  takes: { least: 2, most: MANY },
  flags: [HELP_FLAG],
  examples: [
    { command: "sandbox port add web 8080:80", does: "127.0.0.1:8080 leads to port 80 of web" },
    { command: "sandbox port add web 5432 5353:53/udp", does: "one at a port that is free, and one of UDP" },
  ],
};

const rm: Command = {
  name: "port rm",
  summary: "Take published ports back",
  usage: "sandbox port rm SANDBOX [IP:]HOST[/tcp|/udp]...",
  description: [
    "Closes ports of the host's that lead to SANDBOX: HOST is the host's port, or a range of them; without IP, at each address at which it is published.",
    "Clients of TCP that are connected stay so, as when a server stops listening; those of UDP get no further answers.",
  ],
  passthrough: false,
  positional: "sandbox",
  takes: { least: 2, most: MANY },
  flags: [HELP_FLAG],
  examples: [{ command: "sandbox port rm web 8080", does: "port 8080 of the host's is free again" }],
};

export const portCommand: Command = {
  name: "port",
  summary: "Manage published ports while a sandbox runs",
  usage: "sandbox port COMMAND [ARGUMENT...]",
  description: [
    "For sandboxes with a network of their own, which is the default (run --net slirp, or fast), and a name (run --name), or a port published from the start (run -p).",
  ],
  passthrough: false,
  flags: [HELP_FLAG],
  examples: [
    { command: "sandbox run --name web -- ./server", does: "a sandbox that can be named" },
    { command: "sandbox port add web 8080:80", does: "publish a port of it" },
    { command: "sandbox port ls", does: "see what is published" },
  ],
  verbs: [ls, add, rm],
};
