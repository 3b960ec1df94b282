// Runs when the program is built.

/** The commit that is built, when the builder names it (SANDBOX_COMMIT); else empty. */
export function buildCommit(): string {
  return process.env.SANDBOX_COMMIT ?? "";
}
