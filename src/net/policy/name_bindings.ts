// Which names an address stands for, as our own DNS told the sandbox. A binding outlives the record's TTL: a program
// connects to what it resolved a while ago, and some resolve once for as long as they run. An hour is the least; the
// first bytes are checked at each connection anyway.
import { formatIpAddress, type IpAddress } from "../wire/ip_address.ts";

const SHORTEST_MS = 60 * 60 * 1000;
/** RFC 8767, section 4: a longer TTL is no use to anybody but who fakes one. */
const LONGEST_MS = 7 * 24 * 60 * 60 * 1000;

export type BindingLimits = { readonly addresses: number; readonly namesPerAddress: number };

const LIMITS: BindingLimits = { addresses: 4096, namesPerAddress: 16 };

export class NameBindings {
  readonly #limits: BindingLimits;
  /** By the address's text; the one bound last is at the end, and so are the names of each. */
  readonly #names = new Map<string, Map<string, number>>();

  constructor(limits: BindingLimits = LIMITS) {
    this.#limits = limits;
  }

  /** How many addresses are bound. */
  get size(): number {
    return this.#names.size;
  }

  /** `ttl` in seconds, `now` in milliseconds. Beyond the limits, what was bound longest ago is forgotten. */
  bind(name: string, address: IpAddress, ttl: number, now: number): void {
    const key = formatIpAddress(address);
    const names = this.#names.get(key) ?? new Map<string, number>();
    const until = now + Math.min(LONGEST_MS, Math.max(SHORTEST_MS, ttl * 1000));
    moveToEnd(names, name, Math.max(until, names.get(name) ?? 0));
    moveToEnd(this.#names, key, names);
    forgetOldest(names, this.#limits.namesPerAddress);
    forgetOldest(this.#names, this.#limits.addresses);
  }

  /** Those that still hold, the one bound last first. */
  namesOf(address: IpAddress, now: number): readonly string[] {
    if (this.#names.size === 0) return [];
    const key = formatIpAddress(address);
    const names = this.#names.get(key);
    if (!names) return [];
    for (const [name, until] of names) if (until <= now) names.delete(name);
    if (names.size === 0) this.#names.delete(key);
    return [...names.keys()].reverse();
  }
}

/** A Map keeps the order in which its keys were put in. */
function moveToEnd<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
}

function forgetOldest(map: Map<string, unknown>, limit: number): void {
  for (const key of map.keys()) {
    if (map.size <= limit) return;
    map.delete(key);
  }
}
