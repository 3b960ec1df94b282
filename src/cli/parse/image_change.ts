// `--change INSTRUCTION` of image import and image commit: the instructions of a Dockerfile that change no file.
import type { ConfigChange } from "../../../rootfs-builder/oci/change_config.ts";
import { usageFault } from "../../base/fault.ts";

const FORMS: Readonly<Record<string, string>> = {
  CMD: 'CMD ["PROGRAM", "ARGUMENT", ...], or CMD SHELL-COMMAND',
  ENTRYPOINT: 'ENTRYPOINT ["PROGRAM", ...], or ENTRYPOINT SHELL-COMMAND',
  ENV: "ENV NAME=VALUE",
  LABEL: "LABEL NAME=VALUE",
  USER: "USER NAME[:GROUP]",
  WORKDIR: "WORKDIR /PATH",
  EXPOSE: "EXPOSE PORT[/tcp|/udp]",
  VOLUME: "VOLUME /PATH",
  STOPSIGNAL: "STOPSIGNAL SIGNAL",
};

/** Throws a usage fault (exit 2) that shows how it is written. */
export function parseChange(text: string): ConfigChange {
  const match = /^\s*(\w+)\s+([\s\S]*\S)\s*$/.exec(text);
  const name = (match?.[1] ?? "").toUpperCase();
  const rest = match?.[2] ?? "";
  const form = Object.hasOwn(FORMS, name) ? FORMS[name] : undefined;
  const change = form === undefined ? undefined : changeOf(name, rest);
  if (change) return change;
  throw usageFault(
    `Cannot use --change ${JSON.stringify(text)}`,
    form === undefined ? "it is no instruction that is known" : "that is not how it is written",
    form ?? Object.values(FORMS).join("\n"),
  );
}

function changeOf(name: string, rest: string): ConfigChange | undefined {
  switch (name) {
    case "CMD":
      return wordsChange("Cmd", rest);
    case "ENTRYPOINT":
      return wordsChange("Entrypoint", rest);
    case "ENV":
      return assignment("env", rest);
    case "LABEL":
      return assignment("label", rest);
    case "USER":
      return { kind: "text", field: "User", value: rest };
    case "WORKDIR":
      return rest.startsWith("/") ? { kind: "text", field: "WorkingDir", value: rest } : undefined;
    case "STOPSIGNAL":
      return { kind: "text", field: "StopSignal", value: rest };
    case "EXPOSE":
      return /^\d{1,5}(-\d{1,5})?(\/(tcp|udp|sctp))?$/.test(rest)
        ? { kind: "key", field: "ExposedPorts", name: rest.includes("/") ? rest : `${rest}/tcp` }
        : undefined;
    default:
      return rest.startsWith("/") ? { kind: "key", field: "Volumes", name: rest } : undefined;
  }
}

/** The form of a list as it is; any other is a line for the shell, as docker has it. */
function wordsChange(field: "Cmd" | "Entrypoint", rest: string): ConfigChange | undefined {
  if (!rest.startsWith("[")) return { kind: "words", field, value: ["/bin/sh", "-c", rest] };
  const value = parseList(rest);
  return value && { kind: "words", field, value };
}

function parseList(text: string): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((word) => typeof word === "string") ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A value may stand in double quotes. */
function assignment(kind: "env" | "label", rest: string): ConfigChange | undefined {
  const match = /^([^\s=]+)=(?:"(.*)"|([\s\S]*))$/.exec(rest);
  return match ? { kind, name: match[1] ?? "", value: match[2] ?? match[3] ?? "" } : undefined;
}
