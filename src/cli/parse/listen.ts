// --listen: [NAME=]tcp:[ADDRESS:]PORT, unix:PATH or systemd. NAME is what LISTEN_FDNAMES says, as FileDescriptorName= of systemd.socket(5).
import { usageFault } from "../../base/fault.ts";
import { type IpAddress, parseIpAddress } from "../../net/wire/ip_address.ts";
import { DEFAULT_ADDRESS } from "./publish.ts";

export type ListenAddress =
  /** Port 0: the kernel chooses. */
  | { readonly kind: "tcp"; readonly address: IpAddress; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  /** Those that this process was started with, sd_listen_fds(3). */
  | { readonly kind: "systemd" };

export type Listen = { readonly name: string | undefined; readonly at: ListenAddress };

/** FileDescriptorName=: ASCII without control characters and colons, 255 at most. Here also without `=`, which ends it. */
const FORM = /^(?:([!-9;<>-~][ -9;<>-~]{0,254})=)?(tcp|unix):(.+)$/s;
const TCP = /^(?:(\[[^\]]*\]|[^:[\]]*):)?(\d{1,5})$/;
const LARGEST_PORT = 65_535;

export function parseListen(text: string): Listen {
  if (text === "systemd") return { name: undefined, at: { kind: "systemd" } };
  const [, name, kind, place = ""] = FORM.exec(text) ?? [];
  if (kind === "unix") return { name, at: { kind, path: place } };
  if (kind === "tcp") return { name, at: tcpAddress(text, place) };
  throw refusal(text, "that is not how it is written");
}

function tcpAddress(text: string, place: string): ListenAddress {
  const [, ip, portText] = TCP.exec(place) ?? [];
  if (portText === undefined) throw refusal(text, tcpMistake(place));
  const port = Number(portText);
  if (port > LARGEST_PORT) throw refusal(text, `${JSON.stringify(portText)} is no port from 0 to ${LARGEST_PORT}`);
  if (ip === undefined) return { kind: "tcp", address: DEFAULT_ADDRESS, port };
  const bare = ip.startsWith("[") ? ip.slice(1, -1) : ip;
  const address = parseIpAddress(bare);
  if (address === undefined || (address.family === 6) !== ip.startsWith("["))
    throw refusal(text, `${JSON.stringify(bare)} is no IP address of this host's`);
  return { kind: "tcp", address, port };
}

function tcpMistake(place: string): string {
  const colons = place.split(":").length - 1;
  if (colons > 1 && !place.includes("[")) return "an IPv6 address stands in brackets";
  return `${JSON.stringify(place.slice(place.lastIndexOf(":") + 1))} is no port from 0 to ${LARGEST_PORT}`;
}

function refusal(text: string, cause: string) {
  return usageFault(
    `Cannot use --listen ${JSON.stringify(text)}`,
    cause,
    "write [NAME=]tcp:[ADDRESS:]PORT, [NAME=]unix:PATH or systemd: tcp:8080, tcp:[::1]:8080, http=tcp:0.0.0.0:80, unix:./app.sock",
  );
}
