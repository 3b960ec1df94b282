// The specimens' plans as the bytes that the executor reads, laid out for one fixed address, cut into pieces of which a start
// takes those that it needs, and with a list of the places that it fills in. Runs when the program is built (write_plans.ts).
import { STEP_BYTES } from "../../../ffi/launch.ts";
import { encodePlan } from "../../launch/encode_plan.ts";
import { CLONE } from "../../plan/constants.ts";
import type { Argument, Step } from "../../plan/step.ts";
import { prebuiltDefaultFilters } from "../../seccomp/prebuilt.ts";
import { PRIVATE_FOLDERS, SYSTEM_FOLDERS } from "../../spec/host_view.ts";
import { PLAN_ADDRESS } from "./plan_address.ts";
import { linkText, NUMBERS, specimen, TEXTS } from "./specimens.ts";

/** [first step, count]. */
export type Piece = readonly [number, number];

export type PrebuiltPlan = {
  /** In base64: all steps, then what they point to. */
  readonly bytes: string;
  readonly cloneFlags: number;
  readonly pieces: Readonly<Record<string, Piece>>;
  /** For each value the 32-bit words of `bytes` that take it; an address takes two. */
  readonly holes: Readonly<Record<string, readonly number[]>>;
};

/** `null` where the program is built on another architecture than it is for. */
export type PrebuiltPlans = Readonly<Record<"host" | "single" | "range", PrebuiltPlan | null>>;

export function prebuiltHostPlan(): PrebuiltPlan {
  const filter = filterOf("none");
  const [folders, links] = [specimen("host", filter), specimen("links", filter)];
  const cut = new Cutter();
  const { steps } = folders;
  const first = steps.findIndex(({ aim }) => aim.kind === "mount" && aim.destination === SYSTEM_FOLDERS[0]);
  cut.piece("begin", steps.slice(0, first));
  for (const path of SYSTEM_FOLDERS) cut.piece(`folder ${path}`, stepsFor(steps, path));
  cut.piece("private", stepsFor(steps, ...PRIVATE_FOLDERS));
  cut.piece("home", stepsFor(steps, TEXTS.home));
  cut.piece("cwd", stepsFor(steps, TEXTS.cwd));
  cut.piece("files", stepsFor(steps, TEXTS["/etc/resolv.conf"], TEXTS["/etc/hosts"], TEXTS["/etc/hostname"]));
  cut.piece("end", steps.slice(steps.findIndex(({ aim }) => aim.kind === "rlimit")));
  cut.isWhole(steps);
  for (const path of SYSTEM_FOLDERS) cut.piece(`link ${path}`, stepsFor(links.steps, path));
  return cut.finish(folders.cloneFlags);
}

export function prebuiltOverlayPlan(kind: "overlay-single" | "overlay-range"): PrebuiltPlan {
  const { steps, cloneFlags } = specimen(kind, filterOf(kind === "overlay-single" ? "root+emulate" : "root"));
  const cut = new Cutter();
  const overlay = steps.findIndex(({ aim }) => aim.kind === "root" && aim.what === "overlay");
  const end = steps.findIndex(({ aim }) => aim.kind === "rlimit");
  cut.piece("begin", steps.slice(0, overlay));
  cut.piece("root", steps.slice(overlay, end));
  cut.piece("end", steps.slice(end));
  cut.isWhole(steps);
  return cut.finish(cloneFlags);
}

function filterOf(key: "none" | "root" | "root+emulate"): Uint8Array {
  return Uint8Array.fromBase64(prebuiltDefaultFilters(process.arch === "arm64" ? "aarch64" : "x86_64")[key]);
}

/** The steps that make or mount `destinations`. */
function stepsFor(steps: readonly Step[], ...destinations: readonly string[]): readonly Step[] {
  const found = steps.filter(
    ({ aim }) => (aim.kind === "mount" || aim.kind === "target") && destinations.includes(aim.destination),
  );
  if (found.length === 0) throw new Error(`no step of the specimen is for ${destinations}`);
  return found;
}

const ARGUMENT_WORD = 6;

class Cutter {
  readonly #steps: Step[] = [];
  readonly #pieces: Record<string, Piece> = {};
  readonly #holes: Record<string, number[]> = {};

  piece(name: string, steps: readonly Step[]): void {
    this.#pieces[name] = [this.#steps.length, steps.length];
    this.#steps.push(...steps);
  }

  /** Throws unless the pieces so far, one after the other, are `steps`: none is lost, none has changed its place. */
  isWhole(steps: readonly Step[]): void {
    if (steps.length !== this.#steps.length || steps.some((step, i) => step !== this.#steps[i]))
      throw new Error("the pieces of the specimen do not make up its plan");
  }

  finish(cloneFlags: readonly string[]): PrebuiltPlan {
    this.#steps.forEach((step, index) => {
      step.args.forEach((argument, i) => {
        const name = holeOf(step, argument, i);
        if (name !== undefined) this.#hole(name, (index * STEP_BYTES) / 4 + ARGUMENT_WORD + i * 2);
      });
    });
    const { bytes } = encodePlan(this.#steps, PLAN_ADDRESS);
    const flags = cloneFlags.reduce((value, name) => value + CLONE[name as keyof typeof CLONE], 0);
    return { bytes: bytes.toBase64(), cloneFlags: flags, pieces: this.#pieces, holes: this.#holes };
  }

  #hole(name: string, word: number): void {
    this.#holes[name] = [...(this.#holes[name] ?? []), word];
  }
}

const BY_TEXT = new Map<string, string>([
  ...Object.entries(TEXTS).map(([name, text]) => [text, name] as const),
  ...SYSTEM_FOLDERS.map((path) => [linkText(path), `link ${path}`] as const),
]);
const BY_NUMBER = new Map<number, string>(Object.entries(NUMBERS).map(([name, value]) => [value, name] as const));

function holeOf({ aim, args }: Step, argument: Argument, index: number): string | undefined {
  if (typeof argument === "string") return BY_TEXT.get(argument);
  if (typeof argument === "number") return BY_NUMBER.get(argument) ?? lengthOf(args, argument, index);
  if (argument.kind === "named") return BY_NUMBER.get(argument.value);
  if (argument.kind === "bytes" && aim.kind === "rlimit") return "nofile";
  if (argument.kind === "strings") return index === 2 ? "argv" : "envp";
  return undefined;
}

/** write(2) takes a text's length after it. */
function lengthOf(args: readonly Argument[], argument: number, index: number): string | undefined {
  const text = args[index - 1];
  if (typeof text !== "string" || text.length !== argument) return undefined;
  const name = BY_TEXT.get(text);
  return name === undefined ? undefined : `${name} length`;
}
