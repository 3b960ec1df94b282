// getrusage(2), setitimer(2) and the clock that neither sleeps nor is set.
import { rawSyscall, syscall } from "./libc.ts";

const RUSAGE_CHILDREN = -1;
const ITIMER_REAL = 0;
const CLOCK_MONOTONIC = 1;
/** struct rusage, in words of 8 bytes: two timevals, and 14 more. */
const RUSAGE_WORDS = 18;

export type ChildUsage = {
  readonly userSeconds: number;
  readonly systemSeconds: number;
};

/** Of all children that have been waited for, and of theirs; execve(2) takes nothing of it. (Of memory it would tell what was this program's.) */
export function childUsage(): ChildUsage {
  const words = new BigInt64Array(RUSAGE_WORDS);
  syscall("getrusage", "children", RUSAGE_CHILDREN, words);
  const seconds = (at: number): number => Number(words[at]) + Number(words[at + 1]) / 1e6;
  return { userSeconds: seconds(0), systemSeconds: seconds(2) };
}

/** SIGALRM to this process after `first` milliseconds, and again after each `next`; execve(2) keeps it. */
export function startTimer(first: number, next: number): void {
  const timeval = (milliseconds: number): readonly [bigint, bigint] => [
    BigInt(Math.floor(milliseconds / 1000)),
    BigInt(Math.round((milliseconds % 1000) * 1000)),
  ];
  syscall("setitimer", "timer", ITIMER_REAL, BigInt64Array.of(...timeval(next), ...timeval(first)), 0);
}

/** Seconds. */
export function monotonicTime(): number {
  const time = new BigInt64Array(2);
  rawSyscall("clock_gettime", CLOCK_MONOTONIC, time);
  return Number(time[0]) + Number(time[1]) / 1e9;
}
