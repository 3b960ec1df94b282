// Small C programs that make system calls which no tool makes; compiled on the host, run inside.
import type { Workspace } from "./workspace.ts";

/** Compiles `source` into the workspace's project folder; gives the program's path. */
export async function cProgram(here: Workspace, name: string, source: string): Promise<string> {
  const path = here.file(`${name}.c`, source);
  const program = path.slice(0, -2);
  const { code, stderr } = await here.host(["cc", "-O1", "-o", program, path]);
  if (code !== 0) throw new Error(`cc ${path}:\n${stderr}`);
  return program;
}
