// Why a port of the host's cannot be had, and what to do: for --publish and for --listen.
import { readFileSync } from "node:fs";
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { formatIpAddress, type IpAddress } from "../net/wire/ip_address.ts";

export type PortPlace = { readonly address: IpAddress; readonly port: number; readonly protocol: "tcp" | "udp" };

/** What to write on the command line in place of it. */
export type PortMends = { readonly chosen: string; readonly higher: string };

export function portReason({ address, port, protocol }: PortPlace, errno: number, { chosen, higher }: PortMends) {
  const at = formatIpAddress(address);
  switch (errno) {
    case ERRNO.EADDRINUSE:
      return {
        cause: "the port is in use",
        hint: `see who has it: ss -${protocol === "tcp" ? "t" : "u"}lnp 'sport = :${port}'\nor let the kernel choose one: ${chosen}`,
      };
    case ERRNO.EACCES:
      return {
        cause: `ports below ${unprivilegedStart()} are kept from you (net.ipv4.ip_unprivileged_port_start)`,
        hint: `take a higher one: ${higher}\nor give them free: sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}`,
      };
    case ERRNO.EADDRNOTAVAIL:
      return {
        cause: `no interface of this host has the address ${at}`,
        hint: "see those it has: ip address\nor take all: 0.0.0.0",
      };
    case ERRNO.EAFNOSUPPORT:
      return { cause: `this host has no IPv${address.family}`, hint: "take an address of the other family" };
    case ERRNO.EMFILE:
      return { cause: "too many ports for the open files that you may have", hint: "raise the limit: ulimit -n" };
    default:
      return { cause: `${protocol === "tcp" ? "listening" : "binding"} failed: ${errnoName(errno)}`, hint: "" };
  }
}

function unprivilegedStart(): string {
  return readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8").trim();
}
