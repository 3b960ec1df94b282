// The proxy for an address, from the environment: HTTP_PROXY, HTTPS_PROXY and NO_PROXY in either case, read as the Go
// library does that docker, podman and skopeo use (golang.org/x/net/http/httpproxy), so that one setting fits all. Bun's
// fetch has rules of its own, which know no networks (10.0.0.0/8) and read the variables at any time: it is always told.
import { OciError, quoted } from "../oci_error.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** `false` for none, as fetch takes it. Throws {@link OciError} for a proxy that cannot be used. */
export function proxyFor(url: URL, environment: Environment): string | false {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const proxy = variable(environment, name);
  if (proxy === "" || isLoopback(hostOf(url)) || isExcepted(url, variable(environment, "NO_PROXY"))) return false;
  return proxyAddress(proxy, name);
}

function variable(environment: Environment, name: string): string {
  return (environment[name] || environment[name.toLowerCase()] || "").trim();
}

function proxyAddress(text: string, name: string): string {
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const parsed = URL.canParse(address) ? new URL(address) : undefined;
  if (parsed && /^https?:$/.test(parsed.protocol) && parsed.hostname !== "") return address;
  // Not the whole text: there may be a password in it.
  const what = parsed ? `a proxy of the kind ${quoted(parsed.protocol)} is not supported` : "it is no address";
  throw new OciError("unreachable", `the variable ${name}`, what, `Set ${name}=http://HOST:PORT`);
}

function isExcepted(url: URL, list: string): boolean {
  const host = hostOf(url);
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return list
    .split(",")
    .map((item) => item.trim().toLowerCase())
    .some((item) => item === "*" || (item !== "" && matches(item, host, port)));
}

function matches(item: string, host: string, port: string): boolean {
  const network = parseNetwork(item);
  if (network) return inNetwork(host, network);
  const match = /^(.*?)(?::([0-9]+))?$/.exec(isAddress(item) ? "" : item);
  const name = isAddress(item) ? item : (match?.[1] ?? "");
  if (match?.[2] !== undefined && match[2] !== port) return false;
  if (isAddress(host)) return name.replace(/^\[|\]$/g, "") === host;
  // `.a.b` and `*.a.b` are for what is below a.b, `a.b` for itself too.
  const below = name.replace(/^\*?\.?/, ".");
  return host.endsWith(below) || (!/^\*?\./.test(name) && host === name);
}

function hostOf({ hostname }: URL): string {
  return hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.[0-9]+){3}$/.test(host);
}

function isAddress(text: string): boolean {
  return ipv4(text) !== undefined || (/^[0-9a-f:.]+$/i.test(text) && text.split(":").length > 2);
}

function parseNetwork(item: string): { readonly base: number; readonly bits: number } | undefined {
  const [address = "", bits = ""] = item.split("/");
  const base = ipv4(address);
  return base !== undefined && /^[0-9]{1,2}$/.test(bits) && Number(bits) <= 32
    ? { base, bits: Number(bits) }
    : undefined;
}

function inNetwork(host: string, { base, bits }: { readonly base: number; readonly bits: number }): boolean {
  const address = ipv4(host);
  const size = 2 ** (32 - bits);
  return address !== undefined && Math.floor(address / size) === Math.floor(base / size);
}

function ipv4(text: string): number | undefined {
  if (!/^[0-9]{1,3}(\.[0-9]{1,3}){3}$/.test(text)) return undefined;
  const parts = text.split(".").map(Number);
  return parts.every((part) => part <= 255) ? parts.reduce((sum, part) => sum * 256 + part, 0) : undefined;
}
