// Hands the work of taking this address space down to a child, for a process that is about to execute another program.
import { Launch } from "./launch.ts";
import { pipe } from "./pipe.ts";

/**
 * A child that keeps this memory until the process has executed another program or ended. Where there can be no such child, nothing
 * is lost but time. Whatever the process becomes reaps it.
 */
export function linger(): void {
  const { read, write } = pipe("linger");
  new Launch({ cloneFlags: 0, statusFd: read.release(), idle: true }).start();
  write.release();
}
