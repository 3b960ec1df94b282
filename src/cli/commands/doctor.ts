// `sandbox doctor`: can it run here, and if not, what to type. Exit status 0 when it can, 1 when not.
import { dirname } from "node:path";
import { stat } from "../../../ffi/file.ts";
import { rawSyscall } from "../../../ffi/libc.ts";
import { FaultError } from "../../base/fault.ts";
import { gatherHostFacts } from "../../host/gather_host_facts.ts";
import { hostLookups } from "../../host/read_lookups.ts";
import { diagnose, renderDoctor, summarize } from "../../report/doctor.ts";
import type { Parsed } from "../command.ts";
import { print } from "../print.ts";
import { coloursOn } from "../say.ts";
import { storeFolder } from "../store_folder.ts";

export function doctor(parsed: Parsed): number {
  const store = storePlace(parsed);
  const facts = gatherHostFacts({
    env: process.env,
    suffix: String(rawSyscall("getpid")),
    ...(store !== undefined && { storeFolder: store }),
  });
  const findings = diagnose(facts);
  print(renderDoctor(findings, { colour: coloursOn(1, process.env), json: parsed.switches.has("--json") }));
  return summarize(findings).canRun ? 0 : 1;
}

// The store is made when it is first needed: until then, the folder that it will be made in tells what it will be on.
function storePlace(parsed: Parsed): string | undefined {
  try {
    return existing(storeFolder(parsed.values.get("--store")?.[0], hostLookups(process.env)));
  } catch (error) {
    if (error instanceof FaultError) return undefined;
    throw error;
  }
}

function existing(path: string): string {
  return path === "/" || stat(path) ? path : existing(dirname(path));
}
