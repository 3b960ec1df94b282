// Time and chance for whoever has to wait and try again, as arguments.

export type Clock = {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** In [0, 1). */
  random(): number;
};

export const systemClock: Clock = {
  now: Date.now,
  random: Math.random,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal?.addEventListener("abort", end);
    }),
};

export type RetryPolicy = {
  /** Tries in all, without any success between them. */
  readonly attempts: number;
  /** Milliseconds. */
  readonly firstDelay: number;
  readonly longestDelay: number;
};

export const DEFAULT_RETRIES: RetryPolicy = { attempts: 6, firstDelay: 500, longestDelay: 20_000 };

/** How long to wait after failure number `failures` (from 1): doubled each time, and half of it left to chance. */
export function backoff(failures: number, { firstDelay, longestDelay }: RetryPolicy, random: () => number): number {
  const full = Math.min(longestDelay, firstDelay * 2 ** (failures - 1));
  return full / 2 + (full / 2) * random();
}

/** `promise`, or undefined when `ms` have passed before it settles. */
export async function within<T>(promise: Promise<T>, ms: number, clock: Clock): Promise<{ value: T } | undefined> {
  const settled = new AbortController();
  try {
    return await Promise.race([
      promise.then((value) => ({ value })),
      clock.sleep(ms, settled.signal).then(() => undefined),
    ]);
  } finally {
    settled.abort();
  }
}
