import { expect, test } from "bun:test";
import { foldAddress } from "../../../../src/net/policy/fold_address.ts";
import { formatIpAddress } from "../../../../src/net/wire/ip_address.ts";
import { address } from "../../../fixtures/net/policy.ts";

const FOLDED: readonly (readonly [form: string, address: string, ...readings: string[]])[] = [
  ["IPv4", "192.0.2.1", "192.0.2.1"],
  ["IPv6", "2a00::1", "2a00::1"],
  ["unspecified", "::", "::"],
  ["loopback", "::1", "::1"],
  ["mapped", "::ffff:169.254.169.254", "169.254.169.254"],
  ["compatible", "::169.254.169.254", "169.254.169.254"],
  ["translated", "::ffff:0:169.254.169.254", "169.254.169.254"],
  ["NAT64", "64:ff9b::169.254.169.254", "169.254.169.254"],
  ["6to4", "2002:a9fe:a9fe::1", "169.254.169.254"],
  ["6to4 of nothing", "2002::1", "0.0.0.0"],
  ["Teredo", "2001:0:c000:201:0:0:5601:5601", "169.254.169.254", "192.0.2.1"],
  ["beside Teredo", "2001:1::1", "2001:1::1"],
  ["local NAT64 of /96", "64:ff9b:1::169.254.169.254", "169.254.169.254"],
  ["local NAT64 of /48", "64:ff9b:1:a9fe:a9:fe00::", "169.254.169.254", "254.169.254.0", "169.254.0.0"],
  ["local NAT64 of /64", "64:ff9b:1:0:a9:fea9:fe00:0", "254.0.0.0", "169.254.169.254"],
  ["local NAT64 of /64, with a suffix", "64:ff9b:1:0:a9:fea9:fe08:808", "254.8.8.8", "169.254.169.254"],
];

test.each(FOLDED)("%s: %s", (_form, text, ...readings) => {
  const folded = foldAddress(address(text)).map(formatIpAddress);
  expect(folded.sort()).toEqual(readings.sort());
});
