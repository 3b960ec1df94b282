// `sandbox doctor`: can it run here, and if not, what to type. Exit status 0 when it can, 1 when not.
import { rawSyscall } from "../../../ffi/libc.ts";
import { gatherHostFacts } from "../../host/gather_host_facts.ts";
import { diagnose, renderDoctor, summarize } from "../../report/doctor.ts";
import type { Parsed } from "../command.ts";
import { coloursOn, toStdout } from "../say.ts";

export function doctor({ switches }: Parsed): number {
  const facts = gatherHostFacts({ env: process.env, suffix: String(rawSyscall("getpid")) });
  const findings = diagnose(facts);
  toStdout(renderDoctor(findings, { colour: coloursOn(1, process.env), json: switches.has("--json") }));
  return summarize(findings).canRun ? 0 : 1;
}
