// A Spec to start from, and lookups made of data: the machine of a test.
import type { Parsed } from "../../src/cli/command.ts";
import { runCommand } from "../../src/cli/commands/run.table.ts";
import { parseArguments } from "../../src/cli/parse/arguments.ts";
import type { RunCgroup } from "../../src/cli/run_limits.ts";
import { type BuiltSpec, buildSpec, folderRootfs, type ResolvedRootfs } from "../../src/cli/run_spec.ts";
import type { FileKind, HostLookups } from "../../src/spec/host_lookups.ts";

export type Machine = {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly folders?: readonly string[];
  readonly terminal?: boolean;
};

const FOLDERS = ["/usr", "/etc", "/home/ada", "/home/ada/project", "/tmp", "/proc", "/sys", "/data"];

export function lookupsOf(machine: Machine = {}): HostLookups {
  const files: Readonly<Record<string, string>> = {
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n",
    "/etc/group": "root:x:0:\nada:x:1000:\n",
    ...machine.files,
  };
  const folders = [...FOLDERS, ...(machine.folders ?? [])];
  const kind = (path: string): FileKind | undefined =>
    folders.includes(path) ? "directory" : path in files ? "file" : undefined;
  return {
    cwd: machine.cwd ?? "/home/ada/project",
    uid: 1000,
    gid: 1000,
    env: { HOME: "/home/ada", USER: "ada", PATH: "/home/ada/bin:/usr/bin:/bin", SECRET: "s3cret", ...machine.env },
    kind,
    text: (path) => files[path],
    textInRoot: ([root], path) => files[`${root}${path}`],
    kindInRoot: ([root], path) => kind(`${root}${path}`),
    callerNofile: () => ({ soft: 1024, hard: 4096 }),
    isTerminal: () => machine.terminal ?? false,
  };
}

export const HOST: ResolvedRootfs = {
  kind: "host",
  view: {
    entries: new Map([
      ["/usr", { kind: "directory" as const }],
      ["/etc", { kind: "directory" as const }],
      ["/bin", { kind: "symlink" as const, target: "usr/bin" }],
    ]),
    files: new Map([
      ["/etc/hosts", "/etc/hosts"],
      ["/etc/resolv.conf", "/run/systemd/resolve/stub-resolv.conf"],
    ]),
  },
};
export const IMAGE = folderRootfs("/store/alpine");

export function parse(...argv: readonly string[]): Parsed {
  return parseArguments(runCommand, argv);
}

export function build(
  argv: readonly string[],
  rootfs: ResolvedRootfs = HOST,
  machine: Machine = {},
  limits?: RunCgroup,
): BuiltSpec {
  const lookups = lookupsOf(machine);
  const ranges = () => ({ uids: [{ start: 100000, count: 65536 }], gids: [{ start: 100000, count: 65536 }] });
  return buildSpec({ parsed: parse(...argv), rootfs, lookups, limits, ranges });
}
