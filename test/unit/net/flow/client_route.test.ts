import { describe, expect, test } from "bun:test";
import { clientPort, clientRoute } from "../../../../src/net/flow/client_route.ts";
import { NetworkAddresses } from "../../../../src/net/flow/network_addresses.ts";
import { SequenceClock } from "../../../../src/net/flow/sequence_clock.ts";
import { formatIpAddress } from "../../../../src/net/wire/ip_address.ts";
import { FAMILIES, ipAddress } from "./stack_bench.ts";

const both = new NetworkAddresses([FAMILIES[4], FAMILIES[6]]);
const route = (addresses: NetworkAddresses, client: string): string | undefined => {
  const found = clientRoute(addresses, ipAddress(client));
  return found && `${formatIpAddress(found.source)} > ${formatIpAddress(found.destination)}`;
};

describe("clientRoute()", () => {
  test.each(["192.168.1.7", "203.0.113.9", "10.0.3.1"])("%s is seen as itself", (client) => {
    expect(route(both, client)).toBe(`${client} > 10.0.2.100`);
  });

  test.each(["127.0.0.1", "127.9.9.9", "10.0.2.2", "10.0.2.100", "10.0.2.77", "169.254.3.4", "0.0.0.0", "224.0.0.1"])(
    "%s is seen as the gateway",
    (client) => {
      expect(route(both, client)).toBe("10.0.2.2 > 10.0.2.100");
    },
  );

  test("IPv6 alike", () => {
    expect(route(both, "2001:db8::5")).toBe("2001:db8::5 > fd00::100");
    for (const client of ["::1", "fe80::1", "febf::1", "fd00::100", "fd00::9", "::ffff:192.0.2.1", "ff02::1"])
      expect(route(both, client)).toBe("fd00::2 > fd00::100");
  });

  test("a family that the sandbox has not comes by the other one's gateway; by none, where there is none", () => {
    expect(route(new NetworkAddresses([FAMILIES[4]]), "2001:db8::5")).toBe("10.0.2.2 > 10.0.2.100");
    expect(route(new NetworkAddresses([FAMILIES[6]]), "192.168.1.7")).toBe("fd00::2 > fd00::100");
    expect(route(new NetworkAddresses([]), "192.168.1.7")).toBeUndefined();
  });
});

describe("clientPort()", () => {
  test("is the client's own, another where that is taken, and none in the end", () => {
    const random = (): number => 64_511;
    expect(clientPort(4000, () => false, random)).toBe(4000);
    expect(clientPort(4000, (port) => port === 4000, random)).toBe(65_535);
    expect(clientPort(4000, () => true, random)).toBeUndefined();
    expect(
      clientPort(
        0,
        () => false,
        () => 0,
      ),
    ).toBe(1024);
  });
});

test("sequence numbers go up with time, through the end of their range", () => {
  const clock = new SequenceClock(() => 2 ** 32 - 100);
  const numbers = [0, 1, 2, 1000].map((now) => clock.at(now).initialSequenceNumber);
  expect(numbers).toEqual([2 ** 32 - 100, 150, 400, 249_900]);
});
