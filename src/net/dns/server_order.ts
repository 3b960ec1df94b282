// In which order the servers are asked: as configured (resolv.conf(5)), those that lately did not answer last, so that a
// dead first server costs one wait and not one a query.
import { formatIpAddress } from "../wire/ip_address.ts";
import type { NameServer, ResolverOptions } from "./resolv_conf.ts";

const AVOIDED_FOR_MS = 30_000;

export class ServerOrder {
  readonly #servers: readonly NameServer[];
  readonly #rotate: boolean;
  readonly #silentUntil = new Map<string, number>();
  #turn = 0;

  constructor(servers: readonly NameServer[], { rotate }: ResolverOptions) {
    this.#servers = servers;
    this.#rotate = rotate;
  }

  next(now: number): readonly NameServer[] {
    const first = this.#rotate && this.#servers.length > 0 ? this.#turn++ % this.#servers.length : 0;
    const turned = [...this.#servers.slice(first), ...this.#servers.slice(0, first)];
    const isSilent = (server: NameServer): boolean => (this.#silentUntil.get(serverKey(server)) ?? 0) > now;
    return [...turned.filter((server) => !isSilent(server)), ...turned.filter(isSilent)];
  }

  answered(server: NameServer): void {
    this.#silentUntil.delete(serverKey(server));
  }

  wasSilent(server: NameServer, now: number): void {
    this.#silentUntil.set(serverKey(server), now + AVOIDED_FOR_MS);
  }
}

export function serverKey({ address, zone }: NameServer): string {
  return `${formatIpAddress(address)}%${zone ?? ""}`;
}
