// Connections of tests: numbers that can be told apart at a glance, and settings that are given only where they matter.
import { BlockPool } from "../../../../../src/net/tcp/block_pool.ts";
import { type TcpEndpoint, type TcpSettings, tcpSettings } from "../../../../../src/net/tcp/tcp_settings.ts";

export type Chosen = Partial<TcpSettings> & Partial<Omit<TcpEndpoint, "settings">>;

export function endpoint({ deliver, ...chosen }: Chosen = {}): TcpEndpoint {
  const {
    localPort = 80,
    remotePort = 4000,
    initialSequenceNumber = 10_000,
    timestampOffset = 0,
    ...settings
  } = chosen;
  return {
    settings: tcpSettings({ pool: new BlockPool({ blockSize: 4096 }), ...settings }),
    localPort,
    remotePort,
    initialSequenceNumber,
    timestampOffset,
    ...(deliver && { deliver }),
  };
}
