import { describe, expect } from "bun:test";
import { join } from "node:path";
import { inNetNamespace, noNetNamespace, noTun } from "../../support/net_namespace.ts";
import { testWhere } from "../../support/test_where.ts";

const scenario = (name: string): unknown => inNetNamespace(join(import.meta.dir, "scenarios.ts"), name);
const withNamespace = testWhere(noNetNamespace());
const withTap = testWhere(noNetNamespace(), noTun());

describe("what the kernel makes of the messages", () => {
  withTap("a TAP with index, addresses, routes, neighbours, all by one send and one answer", () => {
    const seen = scenario("tap") as Record<string, readonly unknown[]>;
    expect(seen.answer as unknown).toEqual({ answers: 1, sequence: 10, error: 0 });
    expect(seen.addresses).toMatchObject([
      { ifname: "lo", flags: ["LOOPBACK", "UP", "LOWER_UP"] },
      {
        ifindex: 1000,
        ifname: "tap0",
        flags: ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
        mtu: 65520,
        txqlen: 700,
        address: "02:00:00:00:00:64",
        linkinfo: { info_kind: "tun", info_data: { type: "tap", pi: false, vnet_hdr: true } },
        // No link-local address beside them, and none that is still being asked about.
        addr_info: [
          { local: "10.0.2.100", prefixlen: 24, scope: "global" },
          { local: "fd00::64", prefixlen: 64, scope: "global", nodad: true },
        ],
      },
    ]);
    expect(seen.routes).toMatchObject([
      { dst: "default", gateway: "10.0.2.2", dev: "tap0" },
      { dst: "10.0.2.0/24", dev: "tap0", scope: "link" },
      { dst: "192.0.2.0/24", dev: "tap0", scope: "link" },
    ]);
    expect(seen.routes6).toMatchObject([
      { dst: "fd00::/64", dev: "tap0" },
      { dst: "default", gateway: "fd00::2", dev: "tap0" },
    ]);
    expect(seen.neighbours).toMatchObject([
      { dst: "10.0.2.2", lladdr: "52:55:0a:00:02:02", state: ["PERMANENT"] },
      { dst: "fd00::2", lladdr: "52:55:0a:00:02:02", state: ["PERMANENT"] },
    ]);
  });

  withNamespace("a request that fails answers without being asked, and is named", () => {
    const shown = "RTM_NEWADDR {index 77, 10.0.2.100/24}";
    expect(scenario("failures")).toMatchObject({
      last: { answers: 2, sequence: 2, error: -19, failed: { shown, errno: 19 } },
      each: { answers: 4, sequence: 1, error: 0, failed: { shown, errno: 19 } },
      words: { answers: 1, sequence: 1, error: -101, failed: { errno: 101, words: expect.stringMatching(/gateway/) } },
    });
  });

  withTap("a link's index by name, by ioctl and by message; a new name", () => {
    expect(scenario("lookup")).toMatchObject({
      ioctl: 7,
      netlink: [7],
      renamed: 0,
      link: [{ ifindex: 7, ifname: "eight" }],
    });
  });

  withTap("a TAP stays in its namespace without its descriptor, unless it is to go with it", () => {
    expect(scenario("persistence")).toEqual(["lo", "stays"]);
  });

  withTap("a name or an index that another link has is refused", () => {
    expect(scenario("refused")).toEqual([
      "ioctl TUNSETIFF /dev/net/tun: EBUSY",
      expect.stringMatching(/^ioctl TUNSETIFF .*: E(BUSY|EXIST)$/),
    ]);
  });

  withNamespace(
    "a port that learns nothing and lets in what is its own, and a neighbour that is taken out again",
    () => {
      const seen = scenario("port") as Record<string, readonly unknown[]>;
      expect(seen.made as unknown).toEqual({ answers: 1, sequence: 10, error: 0 });
      const port = { info_slave_kind: "bridge", info_slave_data: { learning: false, flood: false, locked: true } };
      expect(seen.port).toMatchObject([{ ifname: "one", master: "bridge0", linkinfo: port }]);
      const ways = seen.ways?.filter((way) => (way as { readonly state?: string }).state !== "permanent");
      expect(ways).toMatchObject([{ mac: "02:00:00:00:00:07", master: "bridge0", state: "static" }]);
      expect(seen.neighbours).toMatchObject([{ dst: "192.0.2.8", lladdr: "02:00:00:00:00:08", state: ["PERMANENT"] }]);
    },
  );

  withNamespace("a bridge with a port whose other end is in another namespace", () => {
    const seen = scenario("bridge") as Record<string, readonly { readonly ifname: string }[]>;
    expect(seen.made as unknown).toEqual({ answers: 1, sequence: 4, error: 0 });
    const link = (list: string, name: string): unknown => seen[list]?.find(({ ifname }) => ifname === name);
    expect(link("links", "bridge0")).toMatchObject({ ifindex: 10, linkinfo: { info_kind: "bridge" } });
    expect(link("links", "port1")).toMatchObject({ ifindex: 11, master: "bridge0", mtu: 9000 });
    expect(link("links", "b")).toMatchObject({ link: "a" });
    expect(link("inside", "eth0")).toMatchObject({ ifindex: 2, mtu: 9000, linkinfo: { info_kind: "veth" } });
    expect(seen.deleted as unknown).toBe(0);
    expect(link("after", "eth0")).toBeUndefined();
  });
});
