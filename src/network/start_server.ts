// Starts the supervisor of a network: this same program, in a new user namespace and a session of its own, with all capabilities there.
import { Fd } from "../../ffi/fd.ts";
import { AT_FDCWD, O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY, open, readAll, writeAll } from "../../ffi/file.ts";
import { launch } from "../../ffi/launch.ts";
import { pipe } from "../../ffi/pipe.ts";
import { encodePlan } from "../launch/encode_plan.ts";
import { abandon, type LaunchFailure, type MapIds, parseReport } from "../launch/launch_plan.ts";
import { CLONE, PR, PR_CAP_AMBIENT_RAISE } from "../plan/constants.ts";
import { planExecute } from "../plan/plan_execute.ts";
import { planOwnIdMaps } from "../plan/plan_own_id_maps.ts";
import { Program } from "../plan/program.ts";
import { named, type Step } from "../plan/step.ts";
import type { UserNamespaceMaps } from "./user_namespace_maps.ts";

export type ServerStart = {
  /** What the program is told; the descriptors `keep` have the same numbers there. */
  readonly argv: readonly string[];
  readonly keep: readonly number[];
  readonly maps: UserNamespaceMaps;
  readonly mapIds: MapIds;
  /** A file that takes what it may have to say: there is nobody else to tell. */
  readonly log: string;
};

const CAPABILITY_VERSION_3 = 0x20080522;
const CAPABILITIES = 64;
const EVERYTHING = 0xffffffff;

export type ServerStarted = { readonly kind: "started"; readonly userNamespace: Fd };

/** It runs then, though it may not answer yet. */
export function startServer(start: ServerStart): ServerStarted | LaunchFailure {
  using program = open("/proc/self/exe", O_RDONLY);
  using log = open(start.log, O_WRONLY | O_CREAT | O_TRUNC, 0o600);
  const [status, release] = [pipe("status"), pipe("release")];
  using _report = status.read;
  using _go = release.write;
  const descriptors = {
    program: program.number,
    log: log.number,
    release: release.read.number,
    ours: [status.read, release.write].map((fd) => fd.number),
  };
  const steps = serverSteps(start, descriptors);
  const encoded = encodePlan(steps);
  const [cloneFlags, statusFd] = [CLONE.CLONE_NEWUSER, status.write.number];
  const child = launch({ cloneFlags, statusFd, steps: encoded.bytes, count: encoded.count });
  status.write.close();
  release.read.close();
  if (child.kind === "failed") return { kind: "clone", flags: ["CLONE_NEWUSER"], errno: child.errno };
  using _pidfd = new Fd(child.pidfd);
  const failure = start.maps.writer === "helper" ? start.mapIds(child.pid, start.maps) : undefined;
  if (failure === undefined) writeAll(release.write.number, "release", new Uint8Array(1));
  const report = failure ? new Uint8Array() : readAll(status.read.number, "status", 2048);
  if (failure || report.length > 0) return abandon(child.pid, failure ?? parseReport(steps, [], report));
  return { kind: "started", userNamespace: open(`/proc/${child.pid}/ns/user`, O_RDONLY) };
}

type Descriptors = {
  readonly program: number;
  readonly log: number;
  readonly release: number;
  readonly ours: readonly number[];
};

function serverSteps({ argv, keep, maps }: ServerStart, { program, log, release, ours }: Descriptors): readonly Step[] {
  const aim = { kind: "release" } as const;
  const steps = new Program();
  for (const fd of ours) steps.add(aim, "close", [fd]);
  const byte = { kind: "bytes", content: new Uint8Array(1), shown: "&byte" } as const;
  steps.add(aim, "read", [named(release, "release"), byte, 1]);
  if (maps.writer === "self") planOwnIdMaps(steps, maps.uid, maps.gid);
  const nothing = steps.let("null", aim, "openat", [named(AT_FDCWD, "AT_FDCWD"), "/dev/null", named(2, "O_RDWR"), 0]);
  steps.add(aim, "dup3", [nothing, 0, 0]);
  for (const fd of [1, 2]) steps.add(aim, "dup3", [log, fd, 0]);
  steps.add({ kind: "session" }, "setsid", []);
  steps.add({ kind: "cwd", path: "/" }, "chdir", ["/"]);
  keepCapabilities(steps);
  planExecute(steps, program, argv, keep);
  return steps.steps;
}

/** Ambient ones outlive the execve of an id that is not root. The kernel masks what it does not know, and says EINVAL to a raise of it. */
function keepCapabilities(steps: Program): void {
  const aim = { kind: "capabilities" } as const;
  const header = new Uint8Array(Uint32Array.of(CAPABILITY_VERSION_3, 0).buffer);
  const data = new Uint8Array(new Uint32Array(6).fill(EVERYTHING).buffer);
  steps.add(aim, "capset", [
    { kind: "bytes", content: header, shown: "{_LINUX_CAPABILITY_VERSION_3, 0}" },
    { kind: "bytes", content: data, shown: "all" },
  ]);
  for (let capability = 0; capability < CAPABILITIES; capability++)
    steps.add(
      aim,
      "prctl",
      [
        named(PR.PR_CAP_AMBIENT, "PR_CAP_AMBIENT"),
        named(PR_CAP_AMBIENT_RAISE, "PR_CAP_AMBIENT_RAISE"),
        capability,
        0,
        0,
      ],
      { tolerate: ["EINVAL"] },
    );
}
