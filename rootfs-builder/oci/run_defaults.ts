// How an image wants to be run, as plain data that can be acted upon: its configuration, judged (OCI image-spec, config.md
// and conversion.md). Docker's leniency is kept where images rely on it; what could not be meant is refused by name.
import type { ExecutionConfig, ImageConfig } from "./image_config.ts";
import { OciError, quoted } from "./oci_error.ts";

export type RunDefaults = {
  /** `NAME=VALUE`, one for each name. */
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `USER[:GROUP]`, each a name or a number; undefined for root. */
  readonly user: string | undefined;
  /** Absolute and without `.` or `..`; `/` where there is none. */
  readonly workingDir: string;
  /** Absolute paths, as {@link workingDir}. */
  readonly volumes: readonly string[];
  readonly exposedPorts: readonly ExposedPort[];
  /** `SIGTERM`, `SIGRTMIN+3`, or a number. */
  readonly stopSignal: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
};

export type ExposedPort = {
  readonly first: number;
  /** The same as `first` but for a range. */
  readonly last: number;
  readonly protocol: "tcp" | "udp" | "sctp";
};

const ID = "[A-Za-z0-9_+-][A-Za-z0-9_+.-]*\\$?";
const USER = new RegExp(`^${ID}(?::${ID})?$`);
const SIGNAL = /^(?:SIG)?([A-Z][A-Z0-9]{1,9}(?:[+-][0-9]{1,2})?)$/;
const LONGEST_PATH = 4095;
const LARGEST_ID = 2 ** 32 - 2;

/** Throws {@link OciError} for `where`, the image's name. */
export function runDefaults({ config }: ImageConfig, where: string): RunDefaults {
  const judge = new Judge(where);
  return {
    env: judge.env(config.env),
    entrypoint: judge.words("Entrypoint", config.entrypoint ?? []),
    cmd: judge.words("Cmd", config.cmd ?? []),
    user: judge.user(config.user),
    workingDir: config.workingDir === "" ? "/" : judge.path("WorkingDir", config.workingDir),
    volumes: config.volumes.map((path) => judge.path("Volumes", path)),
    exposedPorts: config.exposedPorts.map((text) => judge.port(text)),
    stopSignal: judge.signal(config.stopSignal),
    labels: judge.labels(config.labels),
  };
}

/** The values of one image's configuration. */
class Judge {
  readonly #where: string;

  constructor(where: string) {
    this.#where = where;
  }

  /** The last one of a name counts, at the first one's place. What has no `=` is a name with an empty value. */
  env(entries: readonly string[]): readonly string[] {
    const values = new Map<string, string>();
    for (const entry of this.words("Env", entries)) {
      const equals = entry.indexOf("=");
      const name = equals < 0 ? entry : entry.slice(0, equals);
      if (name === "") throw this.#refuse("Env", entry, "has no name");
      values.set(name, equals < 0 ? "" : entry.slice(equals + 1));
    }
    return [...values].map(([name, value]) => `${name}=${value}`);
  }

  words(field: string, words: readonly string[]): readonly string[] {
    for (const word of words) if (word.includes("\0")) throw this.#refuse(field, word, "holds a NUL");
    return words;
  }

  /** Names that begin with what usermod(8) would not allow could be read as options or numbers by others. */
  user(text: string): string | undefined {
    if (text === "") return undefined;
    const tooLarge = text.split(":").some((part) => /^[0-9]+$/.test(part) && Number(part) > LARGEST_ID);
    if (!USER.test(text) || tooLarge) throw this.#refuse("User", text, "is no USER[:GROUP]");
    return text;
  }

  /** Docker takes a relative one from `/`. */
  path(field: string, path: string): string {
    if (path === "" || path.length > LONGEST_PATH || path.includes("\0")) throw this.#refuse(field, path, "is no path");
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    if (parts.includes("..")) throw this.#refuse(field, path, 'has ".." in it');
    return `/${parts.join("/")}`;
  }

  port(text: string): ExposedPort {
    const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (!match || first < 1 || last > 65535 || first > last)
      throw this.#refuse("ExposedPorts", text, "is no PORT[-PORT]/PROTOCOL");
    return { first, last, protocol: protocolOf(match[3]) };
  }

  signal(text: string): string | undefined {
    if (text === "") return undefined;
    if (/^[0-9]{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= 64) return String(Number(text));
    const match = SIGNAL.exec(text.toUpperCase());
    if (!match) throw this.#refuse("StopSignal", text, "is no signal");
    return `SIG${match[1]}`;
  }

  labels(labels: ExecutionConfig["labels"]): ExecutionConfig["labels"] {
    for (const [name, value] of Object.entries(labels)) this.words("Labels", [name, value]);
    return labels;
  }

  #refuse(field: string, value: string, reason: string): OciError {
    return new OciError("document", `${this.#where}, the configuration's ${field}`, `${quoted(value)} ${reason}`);
  }
}

function protocolOf(text: string | undefined): ExposedPort["protocol"] {
  const lower = text?.toLowerCase();
  return lower === "udp" || lower === "sctp" ? lower : "tcp";
}
