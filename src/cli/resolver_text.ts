// resolv.conf(5) of a sandbox with a network of its own: our name servers, and the domains that the host looks in.

export function resolverText(nameservers: readonly string[], search: readonly string[]): string {
  const servers = nameservers.map((address) => `nameserver ${address}\n`).join("");
  return search.length > 0 ? `${servers}search ${search.join(" ")}\n` : servers;
}
