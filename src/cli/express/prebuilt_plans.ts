// The specimens' plans as the bytes that the executor reads, laid out for one fixed address, cut into pieces of which a start
// takes those that it needs, and with a list of the places that it fills in. Runs when the program is built (write_plans.ts).
import { launchStruct, STEP_BYTES } from "../../../ffi/launch.ts";
import { encodePlan } from "../../launch/encode_plan.ts";
import { CLONE } from "../../plan/constants.ts";
import type { Argument, Step } from "../../plan/step.ts";
import { prebuiltDefaultFilters } from "../../seccomp/prebuilt.ts";
import { PRIVATE_FOLDERS, SYSTEM_FOLDERS } from "../../spec/host_view.ts";
import { CWD_BYTES, hostPrograms, LIMIT_BYTES, LOOKED_AT } from "./host_programs.ts";
import { LINK_BYTES } from "./look_sizes.ts";
import { MAP_PIECES, mapArguments, mapHelperSteps } from "./map_helper_steps.ts";
import { PLAN_ADDRESS } from "./plan_address.ts";
import { SCRATCH_OFFSET, Scratch } from "./scratch.ts";
import { linkText, NUMBERS, specimen, TEXTS, WAITER_ARGUMENTS, WAITER_ENVIRONMENT } from "./specimens.ts";

/** [first step, count]. */
export type Piece = readonly [number, number];

export type PrebuiltPlan = {
  /** In base64: all steps, then what they point to. */
  readonly bytes: string;
  /** A {@link PlanLayout} as JSON: to parse it costs less than to run the code that would make it. */
  readonly layout: string;
};

export type PlanLayout = {
  readonly pieces: Readonly<Record<string, Piece>>;
  /** For each value the 32-bit words of `bytes` that take it; an address takes two. */
  readonly holes: Readonly<Record<string, readonly number[]>>;
  /** Where results of the host's own programs come to lie, in 32-bit words from the plan's address. */
  readonly results: Readonly<Record<string, number>>;
  /** Memory that those programs fill, in bytes from the plan's address. */
  readonly slots: Readonly<Record<string, number>>;
  /** The registers of those programs, and the count of segments that the child may perform, in 32-bit words. */
  readonly registers: number;
  readonly released: number;
  /** The first byte behind everything. */
  readonly end: number;
};

/** `null` where the program is built on another architecture than it is for. */
export type PrebuiltPlans = Readonly<Record<"host" | "single" | "range", PrebuiltPlan | null>>;

export function prebuiltHostPlan(): PrebuiltPlan {
  const filter = filterOf("none");
  const [folders, links] = [specimen("host", filter, "slirp"), specimen("links", filter, "slirp")];
  const cut = new Cutter(LOOKED_AT);
  const { steps } = folders;
  const first = steps.findIndex(({ aim }) => aim.kind === "mount" && aim.destination === SYSTEM_FOLDERS[0]);
  cutBeginning(cut, steps, first);
  for (const path of SYSTEM_FOLDERS) cut.piece(`folder ${path}`, stepsFor(steps, path));
  cut.piece("private", stepsFor(steps, ...PRIVATE_FOLDERS));
  cut.piece("home", stepsFor(steps, TEXTS.home));
  cut.piece("cwd", stepsFor(steps, TEXTS.cwd));
  cut.piece("files", stepsFor(steps, TEXTS["/etc/resolv.conf"], TEXTS["/etc/hosts"], TEXTS["/etc/hostname"]));
  cut.piece("end", steps.slice(steps.findIndex(({ aim }) => aim.kind === "rlimit")));
  cut.isWhole(steps);
  cut.isWholeWithoutNetwork(specimen("host", filter, "none").steps);
  for (const path of SYSTEM_FOLDERS) cut.piece(`link ${path}`, stepsFor(links.steps, path));
  return cut.finish(folders.cloneFlags);
}

export function prebuiltOverlayPlan(kind: "overlay-single" | "overlay-range"): PrebuiltPlan {
  const filter = filterOf(kind === "overlay-single" ? "root+emulate" : "root");
  const { steps, cloneFlags } = specimen(kind, filter, "slirp");
  const cut = new Cutter([]);
  const overlay = steps.findIndex(({ aim }) => aim.kind === "root" && aim.what === "overlay");
  const end = steps.findIndex(({ aim }) => aim.kind === "rlimit");
  // Where a range is mapped, "ids" is not performed: the host adds what comes next when they are.
  cutBeginning(cut, steps, overlay);
  cut.piece("root", steps.slice(overlay, end));
  cut.piece("end", steps.slice(end));
  cut.isWhole(steps);
  cut.isWholeWithoutNetwork(specimen(kind, filter, "none").steps);
  if (kind === "overlay-range") for (const piece of MAP_PIECES) cut.piece(piece, mapHelperSteps(piece));
  return cut.finish(cloneFlags, kind === "overlay-range");
}

/** Up to `end`: what a child may begin with before anything is known of the caller, its ids, and what needs them. */
function cutBeginning(cut: Cutter, steps: readonly Step[], end: number): void {
  const start = startOf(steps);
  const [tap, attached] = runOfNetwork(steps, 0);
  const [permissions, begin] = runOfNetwork(steps, start);
  cut.piece("start", steps.slice(0, tap));
  cut.piece("tap", steps.slice(tap, attached));
  cut.piece("attached", steps.slice(attached, start));
  cut.piece("ids", steps.slice(start, permissions));
  cut.piece("permissions", steps.slice(permissions, begin));
  cut.piece("begin", steps.slice(begin, end));
}

/** The next steps from `from` on that a start without a network leaves out: [the first of them, the first behind them]. */
function runOfNetwork(steps: readonly Step[], from: number): readonly [number, number] {
  const first = steps.findIndex((step, i) => i >= from && isOfNetwork(step));
  const after = steps.findIndex((step, i) => i > first && !isOfNetwork(step));
  return [first, after];
}

function isOfNetwork({ aim }: Step): boolean {
  return aim.kind === "tap" || aim.kind === "interface";
}

/** What a child may begin with before anything is known of the caller. */
function startOf(steps: readonly Step[]): number {
  return steps.findIndex(({ aim }) => aim.kind === "map-ids" || aim.kind === "release");
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
const REGISTER_WORDS = 2;
const REGISTERS_BYTES = 2048;

class Cutter {
  readonly #paths: readonly string[];
  readonly #scratch = new Scratch();
  readonly #cut: Step[] = [];
  readonly #steps: Step[] = [];
  readonly #pieces: Record<string, Piece> = {};
  readonly #holes: Record<string, number[]> = {};

  /** `paths` are looked at on the host. */
  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  piece(name: string, steps: readonly Step[]): void {
    this.#pieces[name] = [this.#steps.length, steps.length];
    this.#cut.push(...steps);
    for (const step of steps) {
      const args = step.args.map((argument, i) => this.#argument(step, argument, i));
      this.#steps.push({ ...step, args });
    }
  }

  /** Throws unless the pieces so far, one after the other, are `steps`: none is lost, none has changed its place. */
  isWhole(steps: readonly Step[]): void {
    if (steps.length !== this.#cut.length || steps.some((step, i) => step !== this.#cut[i]))
      throw new Error("the pieces of the specimen do not make up its plan");
  }

  /** Throws unless what is left of them without {@link isOfNetwork} does what `steps` do, but for a text in a file. */
  isWholeWithoutNetwork(steps: readonly Step[]): void {
    const left = this.#cut.filter((step) => !isOfNetwork(step));
    const isSame = ({ call, aim }: Step, i: number): boolean =>
      call === left[i]?.call && JSON.stringify(aim) === JSON.stringify(left[i]?.aim);
    if (steps.length !== left.length || !steps.every(isSame))
      throw new Error("without its network the specimen is another plan");
  }

  /** Adds the host's own programs, and lays everything out. */
  finish(cloneFlags: readonly string[], mapsRange = false): PrebuiltPlan {
    const programs = hostPrograms({
      paths: this.#paths,
      scratch: this.#scratch,
      holes: (name) => (this.#holes[name] ?? []).map((word) => PLAN_ADDRESS + word * 4),
      mapsRange,
      cloneFlags: cloneFlags.reduce((value, name) => value + CLONE[name as keyof typeof CLONE], 0),
    });
    for (const [name, steps] of Object.entries(programs.pieces)) this.piece(name, steps);
    const { bytes, placeOf } = encodePlan(this.#steps, PLAN_ADDRESS);
    if (bytes.length > SCRATCH_OFFSET) throw new Error("the prebuilt plan reaches into its scratch");
    const registers = (this.#scratch.slot("registers", REGISTERS_BYTES) - PLAN_ADDRESS) / 4;
    const results = Object.entries(programs.results).map(
      ([name, i]) => [name, registers + i * REGISTER_WORDS] as const,
    );
    const layout: PlanLayout = {
      pieces: this.#pieces,
      holes: this.#holes,
      results: Object.fromEntries(results),
      slots: this.#scratch.slots,
      registers,
      released: (placeOf(programs.launch) + launchStruct.offsets.released) / 4,
      end: this.#scratch.end,
    };
    return { bytes: bytes.toBase64(), layout: JSON.stringify(layout) };
  }

  /** What is known beforehand takes its place; what is not is a hole of this name. */
  #argument(step: Step, argument: Argument, index: number): Argument {
    const name = holeOf(step, argument, index);
    if (name === undefined) return argument;
    const word = (this.#steps.length * STEP_BYTES) / 4 + ARGUMENT_WORD + index * 2;
    if (!isKnown(name)) this.#holes[name] = [...(this.#holes[name] ?? []), word];
    return this.#default(name) ?? argument;
  }

  #default(name: string): Argument | undefined {
    if (name === "cwd") return this.#scratch.slot("cwd", CWD_BYTES);
    if (name === "nofile") return this.#scratch.slot("parent limit", LIMIT_BYTES);
    if (name.startsWith("link ")) return this.#scratch.slot(name, LINK_BYTES);
    if (name === "memfdFlags") return MFD_CLOEXEC_ALLOW_SEALING_EXEC;
    return name.startsWith("/") ? name : undefined;
  }
}

const MFD_CLOEXEC_ALLOW_SEALING_EXEC = 0x13;

/** The caller's working directory and the host's links are written by the kernel to where the steps read them. */
function isKnown(name: string): boolean {
  return name === "cwd" || name.startsWith("link ");
}

const BY_VECTOR: Readonly<Record<string, string>> = {
  [WAITER_ARGUMENTS]: "waiter arguments",
  [WAITER_ENVIRONMENT]: "waiter environment",
  ...Object.fromEntries(MAP_PIECES.map((piece) => [mapArguments(piece), `${piece} arguments`])),
};
const BY_TEXT = new Map<string, string>([
  ...Object.entries(TEXTS).map(([name, text]) => [text, name === "pingRange" ? "pingGroups" : name] as const),
  ...SYSTEM_FOLDERS.map((path) => [linkText(path), `link ${path}`] as const),
]);
const BY_NUMBER = new Map<number, string>(Object.entries(NUMBERS).map(([name, value]) => [value, name] as const));

function holeOf({ aim, args }: Step, argument: Argument, index: number): string | undefined {
  if (typeof argument === "string") return BY_TEXT.get(argument);
  if (typeof argument === "number") return BY_NUMBER.get(argument) ?? lengthOf(args, argument, index);
  if (argument.kind === "named") return BY_NUMBER.get(argument.value);
  if (argument.kind === "bytes") return aim.kind === "rlimit" ? "nofile" : BY_TEXT.get(textOf(argument) ?? "");
  if (argument.kind === "strings") return BY_VECTOR[argument.list[0] ?? ""] ?? (index === 2 ? "argv" : "envp");
  return undefined;
}

function textOf(argument: Exclude<Argument, string | number>): string | undefined {
  return argument.kind === "bytes" ? new TextDecoder().decode(argument.content) : undefined;
}

/** write(2) takes a text's length after it. */
function lengthOf(args: readonly Argument[], argument: number, index: number): string | undefined {
  const before = args[index - 1];
  const text = typeof before === "object" ? textOf(before) : before;
  if (typeof text !== "string" || text.length !== argument) return undefined;
  const name = BY_TEXT.get(text);
  return name === undefined ? undefined : `${name} length`;
}
