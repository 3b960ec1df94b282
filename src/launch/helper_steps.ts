// What a child does that becomes newuidmap(1) or newgidmap(1).
import { AT_FDCWD } from "../../ffi/file.ts";
import { Program } from "../plan/program.ts";
import { type Argument, named, type Step } from "../plan/step.ts";

/** Where they are looked for before PATH. */
export const HELPER_FOLDERS = ["/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin", "/run/current-system/sw/bin"];

export type HelperRun = {
  readonly folders: readonly string[];
  readonly program: string;
  readonly argv: readonly string[];
  /** The descriptor that takes what it prints; nowhere when left out. */
  readonly output?: number;
};

const AIM = { kind: "release" } as const;
/** An empty set of signals, and an empty environment: 8 bytes of zeros are either. */
const NONE: Argument = { kind: "bytes", content: new Uint8Array(8), shown: "[]" };

export function helperSteps({ folders, program, argv, output }: HelperRun): readonly Step[] {
  const steps = new Program();
  const nothing = steps.let("null", AIM, "openat", [named(AT_FDCWD, "AT_FDCWD"), "/dev/null", named(2, "O_RDWR"), 0]);
  steps.add(AIM, "dup3", [nothing, 0, 0]);
  for (const fd of [1, 2]) steps.add(AIM, "dup3", [output ?? nothing, fd, 0]);
  steps.add(AIM, "rt_sigprocmask", [named(2, "SIG_SETMASK"), NONE, 0, 8]);
  folders.forEach((folder, i) => {
    const last = i === folders.length - 1;
    const tolerate = last ? {} : ({ tolerate: ["ENOENT", "ENOTDIR", "EACCES"] } as const);
    steps.add(AIM, "execve", [`${folder}/${program}`, { kind: "strings", list: argv }, NONE], tolerate);
  });
  return steps.steps;
}
