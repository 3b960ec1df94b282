import { expect, test } from "bun:test";
import { parseHostPort } from "../../../src/cli/parse/host_port.ts";
import { formatIpAddress } from "../../../src/net/wire/ip_address.ts";
import { faultOf } from "./fault_of.ts";

test.each([
  ["8080", "any 8080-8080/tcp"],
  ["8080/udp", "any 8080-8080/udp"],
  ["8000-8010", "any 8000-8010/tcp"],
  ["127.0.0.1:8080", "127.0.0.1 8080-8080/tcp"],
  ["0.0.0.0:53/udp", "0.0.0.0 53-53/udp"],
  ["[::1]:8080", "::1 8080-8080/tcp"],
  ["[FD00::1]:1-65535/tcp", "fd00::1 1-65535/tcp"],
])("%s", (text, meant) => {
  const { address, first, last, protocol } = parseHostPort(text);
  expect(`${address ? formatIpAddress(address) : "any"} ${first}-${last}/${protocol}`).toBe(meant);
});

test.each([[""], ["0"], ["65536"], ["2-1"], ["1.2.3:80"], ["::1:80"], ["[1.2.3.4]:80"], ["80/sctp"], ["8080:80"]])(
  "%p is wrong usage",
  (text) => {
    expect(faultOf(() => parseHostPort(text))).toMatchObject({
      exitCode: 2,
      what: `Cannot take back the port "${text}"`,
    });
  },
);
