// newuidmap(1) and newgidmap(1): the only programs of the system's that a start may run. Both at once, each by a small plan of its own.
import { readAll } from "../../ffi/file.ts";
import { launch } from "../../ffi/launch.ts";
import { pipe } from "../../ffi/pipe.ts";
import { waitFor } from "../../ffi/process.ts";
import type { IdMapping } from "../spec/spec.ts";
import { encodePlan } from "./encode_plan.ts";
import { HELPER_FOLDERS, helperSteps } from "./helper_steps.ts";
import type { LaunchFailure, MapIds } from "./launch_plan.ts";

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
  const argv = helperArguments(name, pid, maps);
  const encoded = encodePlan(helperSteps({ folders, program: name, argv, output: output.write.number }));
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
