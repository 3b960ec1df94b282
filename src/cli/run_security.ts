// --cap-add, --cap-drop and --seccomp. Pure.
import { usageFault } from "../base/fault.ts";
import {
  CAPABILITIES,
  type CapabilityName,
  capabilityName,
  capabilitySet,
  ROOT_CAPABILITIES,
} from "../spec/capabilities.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import type { Capabilities, SeccompChoice } from "../spec/spec.ts";
import type { FlagReader } from "./flag_reader.ts";
import { hostPath } from "./run_mounts.ts";

export function capabilitiesOf(flag: FlagReader, uid: number): Capabilities {
  const list = (name: string): readonly (CapabilityName | "ALL")[] =>
    flag
      .all(name)
      .flatMap((text) => text.split(","))
      .map((text) => capability(name, text));
  const set = capabilitySet(uid === 0 ? ROOT_CAPABILITIES : [], list("--cap-add"), list("--cap-drop"));
  const keeps = uid === 0 ? [] : set;
  return { bounding: set, effective: set, permitted: set, inheritable: keeps, ambient: keeps };
}

function capability(flag: string, text: string): CapabilityName | "ALL" {
  if (text.toUpperCase() === "ALL") return "ALL";
  const name = capabilityName(text);
  if (!name)
    throw usageFault(
      `Cannot use ${flag} ${JSON.stringify(text)}`,
      "no capability has that name",
      `one of ALL, ${CAPABILITIES.join(", ")}`,
    );
  return name;
}

export function seccompOf(flag: FlagReader, lookups: HostLookups): SeccompChoice {
  const choice = flag.one("--seccomp");
  if (choice === undefined) return { kind: "default" };
  return choice === "unconfined" ? { kind: "unconfined" } : { kind: "profile", path: hostPath(choice, lookups) };
}
