import { describe, expect, test } from "bun:test";
import { Egress } from "../../../../src/net/flow/egress.ts";
import type { FlowEntry } from "../../../../src/net/flow/flow_entry.ts";
import { parsePolicy } from "../../../../src/net/policy/parse_policy.ts";
import { type IpAddress, parseIpAddress } from "../../../../src/net/wire/ip_address.ts";

const ip = (text: string): IpAddress => parseIpAddress(text) as IpAddress;

function egress(allow: readonly string[], deny: readonly string[] = []) {
  const parsed = parsePolicy({ allow, deny, gateways: [ip("10.0.2.2")], hostLoopback: false });
  if (parsed.kind !== "policy") throw new Error(parsed.problems[0].cause);
  const told: string[] = [];
  const entries: FlowEntry[] = [];
  const log = { write: (entry: FlowEntry) => entries.push(entry), wallClock: () => 1_700_000_000_000 };
  return { out: new Egress(parsed.policy, { tell: ({ what }) => told.push(what), log }), told, entries };
}

describe("what may leave", () => {
  test("a denial is told once for a target and logged each time", () => {
    const { out, told, entries } = egress(["a.example"]);
    for (const now of [1, 2]) expect(out.decide(ip("192.0.2.1"), 80, "tcp", now).kind).toBe("deny");
    expect(told).toEqual(["Blocked tcp to 192.0.2.1 port 80"]);
    expect(entries.map(({ verdict, reason, port }) => ({ verdict, reason, port }))).toEqual([
      { verdict: "denied", reason: "no rule allows it", port: 80 },
      { verdict: "denied", reason: "no rule allows it", port: 80 },
    ]);
  });

  test("a name that the name server has told lets its address in, on condition; so does one of /etc/hosts, for good", () => {
    const { out } = egress(["a.example", "b.example"]);
    out.hooks.bind("a.example", ip("192.0.2.1"), 60, 0);
    out.know("b.example", ip("192.0.2.2"), 0);
    const day = 86_400_000;
    expect(out.decide(ip("192.0.2.1"), 443, "tcp", 1000).kind).toBe("allow-if-name");
    expect(out.decide(ip("192.0.2.1"), 443, "tcp", day).kind).toBe("deny");
    expect(out.decide(ip("192.0.2.2"), 443, "tcp", day).kind).toBe("allow-if-name");
  });

  test("names that no rule allows are not asked for, and addresses of this host are not believed", () => {
    const { out, told } = egress(["a.example"]);
    expect([out.hooks.allowsQuery("a.example"), out.hooks.allowsQuery("b.example")]).toEqual([true, false]);
    expect(out.hooks.admitsAddress("a.example", ip("127.0.0.1"))).toBe(false);
    expect(told).toEqual(["Blocked the name b.example", "Blocked the answer 127.0.0.1 for a.example"]);
  });

  test("a flow that has ended is logged with its name, its bytes and its time", () => {
    const { out, entries } = egress([]);
    out.hooks.bind("a.example", ip("192.0.2.1"), 60, 0);
    out.ended(ip("192.0.2.1"), 443, "tcp", { bytesOut: 10, bytesIn: 20, began: 1000 }, 3500);
    out.ended(ip("192.0.2.9"), 0, "icmp", { bytesOut: 1, bytesIn: 0, began: 3500 }, 3500);
    expect(entries).toEqual([
      {
        time: "2023-11-14T22:13:17.500Z",
        direction: "out",
        protocol: "tcp",
        name: "a.example",
        address: "192.0.2.1",
        port: 443,
        verdict: "allowed",
        bytesOut: 10,
        bytesIn: 20,
        duration: 2500,
      },
      {
        time: "2023-11-14T22:13:20.000Z",
        direction: "out",
        protocol: "icmp",
        name: null,
        address: "192.0.2.9",
        port: null,
        verdict: "allowed",
        bytesOut: 1,
        bytesIn: 0,
        duration: 0,
      },
    ]);
  });

  test("one that a client of a published port began has the client, and where it led", () => {
    const { out, entries } = egress([]);
    const client = { address: ip("192.0.2.7"), port: 50_000 };
    out.servedEnded(client, 8000, "udp", { bytesOut: 3, bytesIn: 2, began: 3000 }, 3500);
    expect(entries).toEqual([
      {
        time: "2023-11-14T22:13:19.500Z",
        direction: "in",
        protocol: "udp",
        name: null,
        address: "192.0.2.7",
        port: 50_000,
        sandboxPort: 8000,
        verdict: "allowed",
        bytesOut: 3,
        bytesIn: 2,
        duration: 500,
      },
    ]);
  });

  test("a scan is not told of in full", () => {
    const { out, told } = egress(["a.example"]);
    for (let port = 1; port <= 1000; port++) out.decide(ip("192.0.2.1"), port, "tcp", 0);
    expect(told).toHaveLength(256);
  });
});
