// newuidmap(1) and newgidmap(1): the only programs of the system's that a start may run. Both at once, each by a small plan of its own.
import { AT_FDCWD, readAll } from "../../ffi/file.ts";
import { launch } from "../../ffi/launch.ts";
import { pipe } from "../../ffi/pipe.ts";
import { waitFor } from "../../ffi/process.ts";
import type { Aim } from "../plan/aim.ts";
import { Program } from "../plan/program.ts";
import { flags, named } from "../plan/step.ts";
import type { IdMapping } from "../spec/spec.ts";
import { encodePlan } from "./encode_plan.ts";
import type { LaunchFailure, MapIds } from "./launch_plan.ts";

/** Where they are looked for before PATH. */
export const HELPER_FOLDERS = ["/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin", "/run/current-system/sw/bin"];
const SIG_UNBLOCK_ALL = 2;

/** Has both programs write the maps of `pid`; `path` is the caller's PATH. */
export function idMapHelpers(path: string): MapIds {
  const folders = [...new Set([...HELPER_FOLDERS, ...path.split(":").filter((folder) => folder.startsWith("/"))])];
  return (pid, maps) => {
    const running = [start(folders, "newuidmap", pid, maps.uid), start(folders, "newgidmap", pid, maps.gid)];
    const failures = running.map((finish) => finish());
    return failures.find((failure) => failure !== undefined);
  };
}

function start(
  folders: readonly string[],
  name: string,
  pid: number,
  maps: readonly IdMapping[],
): () => LaunchFailure | undefined {
  const status = pipe("status");
  const output = pipe("output");
  const encoded = encodePlan(helperSteps(folders, name, helperArguments(name, pid, maps), output.write.number));
  const child = launch({ cloneFlags: 0, steps: encoded.bytes, count: encoded.count, statusFd: status.write.number });
  status.write.close();
  output.write.close();
  return () => {
    using report = status.read;
    using text = output.read;
    if (child.kind === "failed") return { kind: "clone", flags: [], errno: child.errno };
    const failed = readAll(report.number, "status", 4096);
    const message = new TextDecoder().decode(readAll(text.number, name, 1 << 16)).trim();
    const code = waitFor(child.pid);
    if (failed.length > 0) return { kind: "helper", program: name, message: "not found" };
    return code === 0 ? undefined : { kind: "helper", program: name, message: message || `exit status ${code}` };
  };
}

/** newuidmap(1): a process, then the lines of its map. */
export function helperArguments(name: string, pid: number, maps: readonly IdMapping[]): readonly string[] {
  const words = [name, String(pid)];
  for (const { containerID, hostID, size } of maps) words.push(String(containerID), String(hostID), String(size));
  return words;
}

function helperSteps(folders: readonly string[], name: string, argv: readonly string[], output: number) {
  const aim: Aim = { kind: "release" };
  const program = new Program();
  const nothing = program.let("null", aim, "openat", [
    named(AT_FDCWD, "AT_FDCWD"),
    "/dev/null",
    flags({ O_RDWR: 2 }, "O_RDWR"),
    0,
  ]);
  program.add(aim, "dup3", [nothing, 0, 0]);
  for (const fd of [1, 2]) program.add(aim, "dup3", [output, fd, 0]);
  const none = { kind: "bytes", content: new Uint8Array(8), shown: "[]" } as const;
  program.add(aim, "rt_sigprocmask", [named(SIG_UNBLOCK_ALL, "SIG_SETMASK"), none, 0, 8]);
  folders.forEach((folder, i) => {
    const last = i === folders.length - 1;
    const args = [`${folder}/${name}`, { kind: "strings", list: argv }, { kind: "strings", list: [] }] as const;
    program.add(aim, "execve", args, last ? {} : { tolerate: ["ENOENT", "ENOTDIR", "EACCES"] });
  });
  return program.steps;
}
