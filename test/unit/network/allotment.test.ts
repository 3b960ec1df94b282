import { expect, test } from "bun:test";
import { formatPrefix, type IpPrefix, parseIpAddress, parsePrefix } from "../../../src/net/wire/ip_address.ts";
import { Allotment, firstAddresses } from "../../../src/network/allotment.ts";
import type { NetworkDefinition } from "../../../src/network/definition.ts";
import { hostIn } from "../../../src/network/host_in.ts";
import { freeSubnet, overlapped, overlaps, uniqueLocal } from "../../../src/network/subnets.ts";
import { userNamespaceMaps } from "../../../src/network/user_namespace_maps.ts";

function prefix(text: string): IpPrefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function network(ipv4: string | undefined, ipv6: string | undefined): NetworkDefinition {
  const of = (text: string | undefined) => (text === undefined ? undefined : prefix(text));
  return { ipv4: of(ipv4), ipv6: of(ipv6), mtu: 1500, internal: false, hostLoopback: false };
}

const address = (taken: ReturnType<Allotment["take"]>) => taken?.allotted.ipv4?.address;

test("addresses of both families have the same number, behind the gateway and the name server", () => {
  const taken = new Allotment(network("10.89.0.0/24", "fd00::/64")).take();
  expect(taken?.allotted).toMatchObject({
    id: 1,
    ipv4: { address: "10.89.0.3", prefixLength: 24, gateway: "10.89.0.1", nameserver: "10.89.0.2" },
    ipv6: { address: "fd00::3", prefixLength: 64, gateway: "fd00::1", nameserver: "fd00::2" },
    hardwareAddress: 0x025300000001,
  });
  expect(firstAddresses(network("10.89.0.0/24", undefined)).ipv4?.address).toBe("10.89.0.3");
});

test("all are given, none twice, none that is not for machines; then there are none", () => {
  const allotment = new Allotment(network("10.0.0.16/28", "fd00::/64"));
  const given = Array.from({ length: 12 }, () => address(allotment.take()));
  expect(given).toEqual(Array.from({ length: 12 }, (_, i) => `10.0.0.${19 + i}`));
  expect(allotment.take()).toBeUndefined();
});

test("one that was given back waits until the others have had their turn, and its hardware address never comes again", () => {
  const allotment = new Allotment(network("10.0.0.0/28", undefined));
  const first = allotment.take();
  allotment.giveBack(first?.host ?? 0);
  const others = Array.from({ length: 11 }, () => allotment.take());
  expect(others.map(address)).not.toContain(address(first));
  const again = allotment.take();
  expect(address(again)).toBe(address(first));
  const hardware = [first, ...others, again].map((taken) => taken?.allotted.hardwareAddress);
  expect(new Set(hardware).size).toBe(13);
});

test("there are no more members than a bridge has ports", () => {
  const allotment = new Allotment(network("10.0.0.0/8", "fd00::/64"));
  const given = new Set(Array.from({ length: 1022 }, () => address(allotment.take())));
  expect(given.size).toBe(1022);
  expect(given.has("10.0.1.0")).toBe(true);
  expect(allotment.take()).toBeUndefined();
});

test("a number is carried over from byte to byte", () => {
  const at = (text: string, host: number) => hostIn(prefix(text), host);
  for (const [text, host, expected] of [
    ["10.0.0.0/8", 256, "10.0.1.0"],
    ["10.0.0.0/8", 0x010203, "10.1.2.3"],
    ["10.0.0.240/28", 15, "10.0.0.255"],
    ["fd00::/64", 0xffff_ffff, "fd00::ffff:ffff"],
  ] as const)
    expect(at(text, host)).toEqual(parseIpAddress(expected) as never);
});

test("the next free network is the first that overlaps none", () => {
  const free = (...taken: readonly string[]) => {
    const found = freeSubnet(taken.map(prefix));
    return found && formatPrefix(found);
  };
  expect(free()).toBe("10.89.0.0/24");
  expect(free("10.89.0.0/24", "10.89.2.0/24")).toBe("10.89.1.0/24");
  expect(free("10.89.0.0/23", "fd00::/8")).toBe("10.89.2.0/24");
  expect(free("10.89.0.128/25")).toBe("10.89.1.0/24");
  expect(free("10.0.0.0/8")).toBeUndefined();
});

test("networks overlap where one holds the other, and not across families", () => {
  expect(overlaps(prefix("10.0.0.0/8"), prefix("10.9.0.0/16"))).toBe(true);
  expect(overlaps(prefix("10.9.0.0/16"), prefix("10.0.0.0/8"))).toBe(true);
  expect(overlaps(prefix("10.9.0.0/16"), prefix("10.8.0.0/16"))).toBe(false);
  expect(overlaps(prefix("10.0.0.0/8"), prefix("fd00::/8"))).toBe(false);
  const others = [{ name: "dev", prefix: prefix("10.89.0.0/24") }];
  expect(overlapped(prefix("10.89.0.0/16"), others)).toBe("10.89.0.0/24 of the network dev");
  expect(overlapped(prefix("10.90.0.0/16"), others)).toBeUndefined();
});

test("an IPv6 network of random bits is a unique local one", () => {
  expect(formatPrefix(uniqueLocal(Uint8Array.of(1, 2, 3, 4, 5)))).toBe("fd01:203:405::/64");
});

test("ids are themselves in the user namespace of a network", () => {
  const own = [{ containerID: 1001, hostID: 1001, size: 1 }];
  const caller = { uid: 1001, gid: 1001 };
  expect(userNamespaceMaps(caller, undefined)).toEqual({ writer: "self", uid: own, gid: own });
  const ranges = { uids: [{ start: 100_000, count: 65_536 }], gids: [{ start: 200_000, count: 10 }] };
  expect(userNamespaceMaps(caller, ranges)).toEqual({
    writer: "helper",
    uid: [...own, { containerID: 100_000, hostID: 100_000, size: 65_536 }],
    gid: [...own, { containerID: 200_000, hostID: 200_000, size: 10 }],
  });
  const around = { uids: [{ start: 1000, count: 10 }], gids: [{ start: 2000, count: 10 }] };
  expect(userNamespaceMaps(caller, around).uid).toEqual([
    ...own,
    { containerID: 1000, hostID: 1000, size: 1 },
    { containerID: 1002, hostID: 1002, size: 8 },
  ]);
});
