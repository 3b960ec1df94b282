// The control group of a running sandbox, by its name or id.
import { SyscallError } from "../../ffi/syscall_error.ts";
import { requestFault } from "../base/fault.ts";
import { Group } from "../cgroup/group.ts";
import { findSandbox, openRegistry, shownName } from "./running_sandbox.ts";

export type SandboxGroup = { readonly name: string; readonly group: Group };

/** `verb`: what is to be done to it. The group is the caller's. */
export function sandboxGroup(word: string, verb: string): SandboxGroup {
  const sandbox = findSandbox(openRegistry(), word);
  const name = shownName(sandbox);
  if (sandbox.state.cgroup === undefined)
    throw requestFault(
      `Cannot ${verb} the sandbox ${name}`,
      "it has no control group",
      `start it with a limit, or with one to divide: sandbox run --name ${name} --cgroups delegate ...`,
    );
  try {
    return { name, group: Group.open(sandbox.state.cgroup) };
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw requestFault(`Cannot ${verb} the sandbox ${name}`, `its control group has gone: ${error.message}`);
  }
}
