// Which flow a packet belongs to. The sandbox has one address of each family, so three things tell: its port, and the other end's
// address and port. Two levels of maps, for no text is made of an IPv4 packet's addresses.

import type { IpAddress } from "../wire/ip_address.ts";
import { get32 } from "../wire/network_order.ts";

const decoder = new TextDecoder("latin1");

export class FlowMap<Flow> {
  readonly #byAddress = new Map<number | string, Map<number, Flow>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(remote: IpAddress, remotePort: number, localPort: number): Flow | undefined {
    return this.#byAddress.get(addressKey(remote))?.get(portsKey(remotePort, localPort));
  }

  set(remote: IpAddress, remotePort: number, localPort: number, flow: Flow): void {
    const key = addressKey(remote);
    const byPorts = this.#byAddress.get(key) ?? new Map<number, Flow>();
    this.#byAddress.set(key, byPorts);
    const ports = portsKey(remotePort, localPort);
    if (!byPorts.has(ports)) this.#size++;
    byPorts.set(ports, flow);
  }

  /** Only where it is `flow` that stands there: its place may be another's by now. */
  delete(remote: IpAddress, remotePort: number, localPort: number, flow: Flow): void {
    const key = addressKey(remote);
    const byPorts = this.#byAddress.get(key);
    const ports = portsKey(remotePort, localPort);
    if (byPorts?.get(ports) !== flow) return;
    byPorts.delete(ports);
    this.#size--;
    if (byPorts.size === 0) this.#byAddress.delete(key);
  }

  *[Symbol.iterator](): Generator<Flow, void, void> {
    for (const byPorts of this.#byAddress.values()) yield* byPorts.values();
  }
}

function addressKey({ family, bytes }: IpAddress): number | string {
  return family === 4 ? get32(bytes, 0) : decoder.decode(bytes);
}

function portsKey(remotePort: number, localPort: number): number {
  return remotePort * 65536 + localPort;
}
