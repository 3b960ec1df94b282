/** PID 1's argument vector, as stage/init.c reads it. */
export function initArguments(
  statusFd: number,
  mode: number,
  candidates: readonly string[],
  command: readonly string[],
): readonly string[] {
  return ["sandbox-init", `${statusFd} ${mode} ${candidates.length}`, ...candidates, ...command];
}
