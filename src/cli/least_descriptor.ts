const FIRST = 3;

/** Of ours, where `preserved` (--preserve-fds) are handed on: their numbers are the caller's to open, and ours are not to be taken for them. */
export function leastDescriptor(preserved: number): number {
  return FIRST + preserved;
}

/** The caller's own. */
export function preservedDescriptors(preserved: number): readonly number[] {
  return Array.from({ length: preserved }, (_, i) => FIRST + i);
}
