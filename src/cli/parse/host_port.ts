// A port of the host's that is published, as `port rm` names it: [IP:]PORT[/tcp|/udp], with ranges; without IP, at all addresses.
import { usageFault } from "../../base/fault.ts";
import { type IpAddress, parseIpAddress } from "../../net/wire/ip_address.ts";

export type HostPortRange = {
  readonly address: IpAddress | undefined;
  readonly first: number;
  readonly last: number;
  readonly protocol: "tcp" | "udp";
};

const FORM = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):)?(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp))?$/;
const LARGEST_PORT = 65_535;

export function parseHostPort(text: string): HostPortRange {
  const [, ipv6, ipv4, firstText, lastText = firstText, protocol] = FORM.exec(text) ?? [];
  const ip = ipv6 ?? ipv4;
  const address = ip === undefined ? undefined : parseIpAddress(ip);
  const [first, last] = [Number(firstText), Number(lastText)];
  const isAddress = ip === undefined || address?.family === (ipv6 === undefined ? 4 : 6);
  if (isAddress && first >= 1 && first <= last && last <= LARGEST_PORT)
    return { address, first, last, protocol: protocol === "udp" ? "udp" : "tcp" };
  throw usageFault(
    `Cannot take back the port ${JSON.stringify(text)}`,
    "that is no port of the host's as it is written",
    "write [IP:]PORT[/tcp|/udp]: 8080, 127.0.0.1:8080, [::1]:5353/udp, 8000-8010",
  );
}
