// May these namespaces be entered, and which ids are there? A child enters them as this process will, later, when there is no way back; its
// maps are then read from here, where they are shown in ids of the caller's own.
import { Fd } from "../../ffi/fd.ts";
import { read, readAll, readText } from "../../ffi/file.ts";
import { launch } from "../../ffi/launch.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { pipe } from "../../ffi/pipe.ts";
import { waitFor } from "../../ffi/process.ts";
import { CLONE } from "../plan/constants.ts";
import { Program } from "../plan/program.ts";
import { named, type Step } from "../plan/step.ts";
import type { IdMapping } from "../spec/spec.ts";
import { encodePlan } from "./encode_plan.ts";
import type { OpenNamespace } from "./enter_namespaces.ts";
import { parseIdMap } from "./translate_maps.ts";

export type Tried =
  | { readonly kind: "open"; readonly uid: readonly IdMapping[]; readonly gid: readonly IdMapping[] }
  | { readonly kind: "refused"; readonly type: OpenNamespace["type"]; readonly errno: number };

const PR_SET_DUMPABLE = 4;

type Pipes = { readonly ready: ReturnType<typeof pipe>; readonly release: ReturnType<typeof pipe> };

/** In the order in which they are to be entered. */
export function tryNamespaces(namespaces: readonly OpenNamespace[]): Tried {
  const [ready, release, status] = [pipe("ready"), pipe("release"), pipe("status")];
  const steps = encodePlan(stepsOf(namespaces, { ready, release }));
  const child = launch({ cloneFlags: 0, steps: steps.bytes, count: steps.count, statusFd: status.write.number });
  for (const fd of [ready.write, release.read, status.write]) fd.close();
  using readyEnd = ready.read;
  using statusEnd = status.read;
  using releaseEnd = release.write;
  if (child.kind === "failed") return { kind: "refused", type: "user", errno: child.errno };
  using _pidfd = new Fd(child.pidfd);
  const isIn = read(readyEnd.number, "ready", new Uint8Array(1)) === 1;
  const map = (name: string): readonly IdMapping[] => parseIdMap(readText(`/proc/${child.pid}/${name}`) ?? "");
  const tried: Tried = isIn
    ? { kind: "open", uid: map("uid_map"), gid: map("gid_map") }
    : refusal(namespaces, statusEnd);
  releaseEnd.close();
  waitFor(child.pid);
  // The child, whose memory was this one, has changed its credentials, which made it a secret (proc(5), PR_SET_DUMPABLE): newuidmap(1) would
  // find that the children of this process were root's.
  rawSyscall("prctl", PR_SET_DUMPABLE, 1);
  return tried;
}

function stepsOf(namespaces: readonly OpenNamespace[], { ready, release }: Pipes): readonly Step[] {
  const aim = { kind: "network" } as const;
  const steps = new Program();
  const byte = { kind: "bytes", content: new Uint8Array(1), shown: "&byte" } as const;
  for (const { fd, type } of namespaces)
    steps.add(aim, "setns", [fd, type === "user" ? CLONE.CLONE_NEWUSER : CLONE.CLONE_NEWNET]);
  // Our end of it first: its closing, by us or by our death, is what ends the wait.
  steps.add(aim, "close", [release.write.number]);
  steps.add(aim, "write", [ready.write.number, byte, 1]);
  steps.add(aim, "read", [named(release.read.number, "release"), byte, 1]);
  steps.add(aim, "exit_group", [0]);
  return steps.steps;
}

/** The executor's report is {kind, index, errno} in words of 32 bits, ffi/stage/sys.h. */
function refusal(namespaces: readonly OpenNamespace[], status: Fd): Tried {
  const [, index = 0, errno = 0] = new Uint32Array(readAll(status.number, "status", 4096).slice(0, 12).buffer);
  return { kind: "refused", type: namespaces[index]?.type ?? "network", errno };
}
