// `sandbox doctor`: from facts to findings to a report. Pure throughout. The first line answers the one question that a new user
// has; then come the problems with what to type, and last everything that was looked at.
import type { HostFacts } from "../host/host_facts.ts";
import { findFileSystems } from "./doctor/file_systems.ts";
import type { Finder, Finding, FindingState } from "./doctor/finding.ts";
import { findIdentities } from "./doctor/identities.ts";
import { findKernel } from "./doctor/kernel.ts";
import { findLimits } from "./doctor/limits.ts";
import { findNamespaces } from "./doctor/namespaces.ts";
import { findNetwork } from "./doctor/network.ts";

export type { Finding } from "./doctor/finding.ts";

const FINDERS: readonly Finder[] = [
  findNamespaces,
  findIdentities,
  findFileSystems,
  findNetwork,
  findLimits,
  findKernel,
];

export function diagnose(facts: HostFacts): readonly Finding[] {
  return FINDERS.flatMap((find) => find(facts));
}

export type FeatureName = "range of ids" | "copy-on-write" | "network stack" | "limits";

export type Feature = { readonly available: boolean; readonly detail: string };

export type Summary = {
  readonly canRun: boolean;
  /** Why not: the meaning of the first failure. */
  readonly because?: string;
  readonly features: Readonly<Record<FeatureName, Feature>>;
};

/** A feature is there when all of these findings are `ok`. */
const FEATURES: Readonly<Record<FeatureName, readonly string[]>> = {
  "range of ids": ["ids.newuidmap", "ids.newgidmap", "ids.ranges", "ids.mapped"],
  "copy-on-write": ["overlay.memory"],
  "network stack": ["network.tun"],
  limits: ["cgroup.limits"],
};

export function summarize(findings: readonly Finding[]): Summary {
  const failure = findings.find(({ state }) => state === "fail");
  const feature = (name: FeatureName): Feature => judgeFeature(findings, FEATURES[name]);
  return {
    canRun: failure === undefined,
    ...(failure && { because: `${failure.title}: ${failure.meaning}` }),
    features: {
      "range of ids": feature("range of ids"),
      "copy-on-write": feature("copy-on-write"),
      "network stack": feature("network stack"),
      limits: feature("limits"),
    },
  };
}

function judgeFeature(findings: readonly Finding[], ids: readonly string[]): Feature {
  const relevant = findings.filter(({ id }) => ids.includes(id));
  const obstacle = relevant.find(({ state }) => state !== "ok");
  if (obstacle) return { available: false, detail: `${obstacle.title}: ${obstacle.detail}` };
  return { available: relevant.length > 0, detail: relevant.at(-1)?.detail ?? "not looked at" };
}

export type RenderOptions = { readonly colour: boolean; readonly json: boolean };

/** The report as text, or as one JSON object `{canRun, because?, features, findings}`; ends with a newline. */
export function renderDoctor(findings: readonly Finding[], { colour, json }: RenderOptions): string {
  const summary = summarize(findings);
  if (json) return `${JSON.stringify({ ...summary, findings }, undefined, 2)}\n`;
  const paint = colour ? painted : (text: string): string => text;
  return [headline(summary, paint), features(summary, paint), problems(findings, paint), checked(findings, paint)]
    .filter((part) => part !== "")
    .join("\n");
}

type Paint = (text: string, state: FindingState) => string;

const COLOURS: Readonly<Record<FindingState, string>> = { ok: "32", warn: "33", fail: "31", info: "2" };

function painted(text: string, state: FindingState): string {
  return `\x1b[${COLOURS[state]}m${text}\x1b[0m`;
}

function headline({ canRun, because }: Summary, paint: Paint): string {
  const answer = canRun ? paint("yes", "ok") : `${paint("no", "fail")}, because ${because}`;
  return `sandbox can run here: ${answer}\n`;
}

function features(summary: Summary, paint: Paint): string {
  if (!summary.canRun) return "";
  const lines = Object.entries(summary.features).map(([name, { available, detail }]) => {
    return `  ${name.padEnd(14)} ${available ? paint("yes", "ok") : paint("no ", "warn")}  ${detail}\n`;
  });
  return lines.join("");
}

/** What stops everything first. */
function problems(findings: readonly Finding[], paint: Paint): string {
  const troubled = (["fail", "warn"] as const).flatMap((state) =>
    findings.filter((finding) => finding.state === state),
  );
  return troubled.map((finding) => describe(finding, paint)).join("\n");
}

function describe({ state, title, detail, meaning, mend }: Finding, paint: Paint): string {
  const lines = [`${paint(state, state)}  ${title}: ${detail}`, ...indent(wrap(meaning))];
  if (mend !== undefined) lines.push("  To mend it:", ...indent(mend, 6));
  return `${lines.join("\n")}\n`;
}

function indent(text: string, width = 6): readonly string[] {
  return text.split("\n").map((line) => (line === "" ? "" : `${" ".repeat(width)}${line}`));
}

const COLUMNS = 94;

/** Breaks prose between words. Commands are never broken: they are there to be copied. */
function wrap(text: string): string {
  return text.replace(new RegExp(`(?=.{${COLUMNS}})(.{1,${COLUMNS}}) +`, "g"), "$1\n");
}

function checked(findings: readonly Finding[], paint: Paint): string {
  const fine = findings.filter(({ state }) => state === "ok" || state === "info");
  return `Also looked at:\n${fine.map(({ state, title, detail }) => `  ${paint(state.padEnd(4), state)}  ${title}: ${detail}\n`).join("")}`;
}
