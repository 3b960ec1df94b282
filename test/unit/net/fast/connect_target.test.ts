// Which connections may be the host's own: decided of bytes that a hostile command has written.
import { describe, expect, test } from "bun:test";
import { addressFor, hostTarget, targetOf } from "../../../../src/net/fast/connect_target.ts";
import { Egress } from "../../../../src/net/flow/egress.ts";
import type { FlowEntry } from "../../../../src/net/flow/flow_entry.ts";
import { NetworkAddresses } from "../../../../src/net/flow/network_addresses.ts";
import { parsePolicy } from "../../../../src/net/policy/parse_policy.ts";
import {
  formatIpAddress,
  type IpAddress,
  type IpPrefix,
  parseIpAddress,
  parsePrefix,
} from "../../../../src/net/wire/ip_address.ts";
import { random } from "../../seccomp/random.ts";

const ip = (text: string): IpAddress => parseIpAddress(text) as IpAddress;
const prefix = (text: string): IpPrefix => parsePrefix(text) as IpPrefix;
const ADDRESSES = new NetworkAddresses([
  { sandbox: ip("10.0.2.100"), prefix: prefix("10.0.2.0/24"), gateway: ip("10.0.2.2"), nameserver: ip("10.0.2.3") },
  { sandbox: ip("fd00::100"), prefix: prefix("fd00::/64"), gateway: ip("fd00::2"), nameserver: ip("fd00::3") },
]);

/** struct sockaddr_in or sockaddr_in6, as little-endian machines have it. */
function sockaddr(text: string, port: number): Uint8Array {
  const { family, bytes } = ip(text);
  const made = new Uint8Array(family === 4 ? 16 : 28);
  made.set([family === 4 ? 2 : 10, 0, port >> 8, port & 0xff]);
  made.set(bytes, family === 4 ? 4 : 8);
  return made;
}

function rules({
  allow = [],
  deny = [],
  hostLoopback = false,
}: {
  allow?: string[];
  deny?: string[];
  hostLoopback?: boolean;
}) {
  const parsed = parsePolicy({ allow, deny, gateways: [ip("10.0.2.2"), ip("fd00::2")], hostLoopback });
  if (parsed.kind !== "policy") throw new Error(parsed.problems[0].cause);
  const [told, entries]: [string[], FlowEntry[]] = [[], []];
  const log = { write: (entry: FlowEntry) => entries.push(entry), wallClock: () => 0 };
  const egress = new Egress(parsed.policy, { tell: ({ what }) => told.push(what), log });
  const network = { addresses: ADDRESSES, mtu: 1500, hostLoopback };
  const way = (text: string, port = 443): string | undefined => {
    const target = targetOf(sockaddr(text, port));
    const host = target && hostTarget(network, egress, target, 0)?.host;
    return host && formatIpAddress(host);
  };
  return { egress, way, told, entries };
}

describe("what is for the host", () => {
  test("what may leave, by its own address; mapped ones as IPv4", () => {
    const { way } = rules({});
    expect(way("192.0.2.1")).toBe("192.0.2.1");
    expect(way("::ffff:192.0.2.1")).toBe("192.0.2.1");
    expect(way("2001:db8::1")).toBe("2001:db8::1");
  });

  test("not the sandbox's own, its network's, the host's own, or port 0", () => {
    const { way } = rules({});
    for (const text of [
      "127.0.0.1",
      "10.0.2.100",
      "10.0.2.3",
      "10.0.2.77",
      "0.0.0.0",
      "::1",
      "::",
      "::ffff:127.0.0.1",
      "fd00::3",
    ])
      expect(way(text)).toBeUndefined();
    expect(way("192.0.2.1", 0)).toBeUndefined();
  });

  test("the gateway is the host's loopback where that was asked for", () => {
    expect(rules({}).way("10.0.2.2")).toBeUndefined();
    const { way } = rules({ hostLoopback: true });
    expect([way("10.0.2.2"), way("::ffff:10.0.2.2"), way("fd00::2")]).toEqual(["127.0.0.1", "127.0.0.1", "::1"]);
  });

  test("what is denied is the stack's, which tells of it; nothing is told twice", () => {
    const { way, told, entries } = rules({ allow: ["192.0.2.0/24:443"], deny: ["192.0.2.9"] });
    expect([way("192.0.2.1"), way("192.0.2.9"), way("192.0.2.1", 80), way("198.51.100.1")]).toEqual([
      "192.0.2.1",
      undefined,
      undefined,
      undefined,
    ]);
    expect(rules({}).way("169.254.169.254")).toBeUndefined();
    expect([told, entries]).toEqual([[], []]);
  });

  test("what has to show a name first is the stack's", () => {
    const { way, egress } = rules({ allow: ["a.example:443"] });
    egress.know("a.example", ip("192.0.2.1"), 0);
    expect(egress.decide(ip("192.0.2.1"), 443, "tcp", 0).kind).toBe("allow-if-name");
    expect(way("192.0.2.1")).toBeUndefined();
  });

  test("one that was let out is logged when it begins, without what nobody counts", () => {
    const { egress, entries } = rules({});
    egress.bypassed(ip("192.0.2.1"), 443, 0);
    expect(entries).toMatchObject([
      { address: "192.0.2.1", port: 443, verdict: "allowed", bytesIn: null, duration: null },
    ]);
  });
});

describe("addresses", () => {
  test("of other families, cut off, or of one link are none", () => {
    expect(targetOf(new Uint8Array(0))).toBeUndefined();
    expect(targetOf(sockaddr("192.0.2.1", 80).subarray(0, 7))).toBeUndefined();
    expect(targetOf(sockaddr("2001:db8::1", 80).subarray(0, 23))).toBeUndefined();
    expect(targetOf(Uint8Array.of(1, 0, 47, 116, 109, 112, 0, 0))).toBeUndefined();
    const scoped = sockaddr("fe80::1", 80);
    scoped[24] = 2;
    expect(targetOf(scoped)).toBeUndefined();
  });

  test("20,000 of random bytes are read or refused, seed 4", () => {
    const { below: draw } = random(4);
    for (let i = 0; i < 20_000; i++) {
      const bytes = Uint8Array.from({ length: draw(129) }, () => draw(256));
      if (bytes.length > 1) bytes.set([draw(2) ? 2 : 10, 0]);
      const target = targetOf(bytes);
      if (target) expect([4, 16]).toContain(target.address.bytes.length);
    }
  });

  test("for a socket of IPv6, IPv4 is mapped", () => {
    expect(addressFor(6, ip("192.0.2.1")).bytes).toEqual(ip("::ffff:192.0.2.1").bytes);
    expect(addressFor(4, ip("192.0.2.1"))).toEqual(ip("192.0.2.1"));
  });
});
