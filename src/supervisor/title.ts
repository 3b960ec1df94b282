const LENGTH = 1000;

/** What ps(1) shows of a sandbox. One argument of ours: the kernel takes 128 KiB (execve(2), MAX_ARG_STRLEN), ps shows a line. */
export function titleOf(command: readonly string[]): string {
  return `run ${command.join(" ").slice(0, LENGTH)}`;
}
