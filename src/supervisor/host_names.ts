// What the host knows of names, read anew when its files have changed: resolv.conf(5), hosts(5), and what systemd-resolved has learned.
import { readText } from "../../ffi/file.ts";
import { chooseServers, RESOLV_CONF, RESOLVED_UPSTREAM } from "../net/dns/choose_servers.ts";
import { entriesForSandbox, HostsTable, parseHosts } from "../net/dns/hosts_file.ts";
import type { HostNames, NameSettings } from "../net/flow/name_service.ts";
import type { IpAddress } from "../net/wire/ip_address.ts";

const FILES = [RESOLV_CONF, RESOLVED_UPSTREAM, "/etc/hosts"] as const;

/** `servers`: asked in place of the host's, where there are any. `gateways`: what the host's loopback is inside. */
export function hostNames(
  servers: readonly IpAddress[],
  gateways: readonly IpAddress[],
): Pick<NameSettings, "host" | "changes"> {
  let texts = readAll();
  const read = (): HostNames => {
    const [resolvConf = "", upstream, hosts = ""] = texts;
    const chosen = chooseServers(resolvConf, upstream);
    return {
      hosts: new HostsTable(entriesForSandbox(parseHosts(hosts), gateways)),
      servers: servers.length > 0 ? servers.map((address) => ({ address })) : chosen.servers,
      options: chosen.options,
    };
  };
  const changes = (): HostNames | undefined => {
    const fresh = readAll();
    if (fresh.every((text, i) => text === texts[i])) return undefined;
    texts = fresh;
    return read();
  };
  return { host: read(), changes };
}

/** A file that is not there, or not any more, says nothing. */
function readAll(): readonly (string | undefined)[] {
  return FILES.map((path) => {
    try {
      return readText(path);
    } catch {
      return undefined;
    }
  });
}
