// Goes on in namespaces that are there already: a static program, executed in our place, enters them and executes PROGRAM. It is one
// of a single thread, as setns(2) asks of whoever enters a user namespace.
import { rawSyscall } from "../../ffi/libc.ts";
import { executeInPlace } from "../../ffi/process.ts";
import { programFd } from "../../ffi/program_fd.ts";
import { CLONE } from "../plan/constants.ts";

export type OpenNamespace = { readonly fd: number; readonly type: "user" | "network" };

export type Entering = {
  /** An open executable: this one's, for one that is to go on as itself. It is also told what went wrong, as `enter-failed STEP ERRNO`. */
  readonly program: number;
  /** In the order in which they are entered; the one that grants the others first. */
  readonly namespaces: readonly OpenNamespace[];
  /** With its first word, the name. */
  readonly argv: readonly string[];
  /** `NAME=VALUE` each. */
  readonly env: readonly string[];
  /** Descriptors that PROGRAM goes on with, beside 0 to 2. */
  readonly keep: readonly number[];
};

const TYPE = { user: CLONE.CLONE_NEWUSER, network: CLONE.CLONE_NEWNET } as const;
const PR_SET_NAME = 15;

/** PROGRAM has all capabilities that entering grants, and keeps them when it executes another one: they are ambient. */
export function enterNamespaces({ program, namespaces, argv, env, keep }: Entering): never {
  const [name = "sandbox", ...words] = argv;
  const numbers = [program, ...namespaces.flatMap(({ fd, type }) => [fd, TYPE[type]])].join(" ");
  const entered = namespaces.map(({ fd }) => fd);
  using enter = programFd("enter");
  rawSyscall("prctl", PR_SET_NAME, new TextEncoder().encode("sandbox\0"));
  return executeInPlace(enter.number, [name, numbers, ...words], env, [program, ...entered, ...keep]);
}
