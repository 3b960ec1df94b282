// PORT or FIRST-LAST, both within 1 and 65535.
import type { PortRange } from "./policy.ts";
import { isBad, type Mistake, mistake } from "./rule_mistake.ts";

const HIGHEST = 65535;
const HINT = "Write a port as 443, or a range as 8000-8100";

export function parsePortRange(text: string): PortRange | Mistake {
  if (text === "") return mistake("there is no port after the colon", HINT);
  const [, low, high = low] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  if (low === undefined || high === undefined) return mistake(`${JSON.stringify(text)} is no port`, HINT);
  const range = readEnds(low, high);
  if (isBad(range)) return range;
  return range.first <= range.last
    ? range
    : mistake(`the range ${text} ends before it begins`, `Write ${range.last}-${range.first}`);
}

function readEnds(low: string, high: string): PortRange | Mistake {
  const [first, last] = [Number(low), Number(high)];
  const wrong = [first, last].find((port) => port < 1 || port > HIGHEST);
  return wrong === undefined ? { first, last } : mistake(`the port ${wrong} is not within 1 and ${HIGHEST}`, HINT);
}
