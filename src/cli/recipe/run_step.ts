// One command of a recipe in a sandbox of its own, on layers and an upper folder: by this same program once more, which then waits, passes
// signals on and dies with us as any `run` does.
import { requestFault } from "../../base/fault.ts";
import type { StageCommand } from "./stage_commands.ts";

export type StepPlace = {
  /** The topmost first. */
  readonly layers: readonly string[];
  /** Holds `upper` and `work`. */
  readonly upper: string;
  /** Is held for as long as the command runs. */
  readonly lock: number;
  /** Flags of `sandbox run`. */
  readonly flags: readonly string[];
};

/** What `internal-build` is told. */
export type StepMessage = Pick<StepPlace, "layers" | "upper"> & { readonly argv: readonly string[] };

/** The descriptor of the lock over there: the first after the standard ones. */
export const STEP_LOCK = 3;

const NOT_FOUND = 127;

/** Its exit status. What it prints goes to standard error: standard output is for what the caller is asked for. */
export async function runStep({ argv }: StageCommand, { layers, upper, lock, flags }: StepPlace): Promise<number> {
  const message: StepMessage = { layers, upper, argv: [...flags, "--", ...argv] };
  const child = Bun.spawn(["/proc/self/exe", "internal-build", JSON.stringify(message)], {
    argv0: "sandbox",
    stdio: ["ignore", 2, 2, lock],
  });
  return await child.exited;
}

/** Throws FaultError when it fails. */
export async function requireStep(command: StageCommand, place: StepPlace, recipe: string): Promise<void> {
  const status = await runStep(command, place);
  if (status === 0) return;
  throw requestFault(
    `Cannot build ${recipe}`,
    `${JSON.stringify(command.shown)} ended with status ${status}`,
    hintFor(command, status, place.flags),
  );
}

function hintFor({ argv }: StageCommand, status: number, flags: readonly string[]): string {
  const [program] = argv;
  if (status === NOT_FOUND && program === "apk") return "packages are for Alpine; elsewhere, install them by run";
  if (status === NOT_FOUND) return `the base needs ${program}`;
  const offline = flags[flags.indexOf("--net") + 1] === "none";
  return offline ? "it had no network; if it needs one: --network slirp" : "";
}
