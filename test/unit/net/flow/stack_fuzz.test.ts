// The whole stack against a hostile sandbox: nothing is thrown, what it holds has bounds, and when the sandbox falls silent all is given
// back. Where its packets may go is a server of the test's own, and nothing else of this machine or beyond it.
import { afterEach, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { localEndpoint } from "../../../../ffi/socket.ts";
import { HostsTable } from "../../../../src/net/dns/hosts_file.ts";
import { Egress } from "../../../../src/net/flow/egress.ts";
import { NetworkAddresses } from "../../../../src/net/flow/network_addresses.ts";
import { Stack } from "../../../../src/net/flow/stack.ts";
import { bindPort } from "../../../../src/net/outbound/bind_port.ts";
import { parsePolicy } from "../../../../src/net/policy/parse_policy.ts";
import { BlockPool } from "../../../../src/net/tcp/block_pool.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";
import { FakeDevice } from "../../../support/fake_device.ts";
import { noNames } from "../../../support/quiet_network.ts";
import { loopback, noLoopback, opened } from "../outbound/loopback.ts";
import { HostileSandbox } from "./hostile_sandbox.ts";
import { FAMILIES, ipAddress } from "./stack_bench.ts";

const ROUNDS = 15_000;
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const BLOCK = 1 << 16;
/** Table sizes of the stack: a SYN flood's, UDP's, echo's; the host answers on the spot here, so TCP's is by ports: 600 at most. */
const MOST_FLOWS = 1024 + 1024 + 256;
/** Most connections hold a block or none: far below the 1 MiB each way that each may have. */
const MOST_BLOCKS = 400;
const SILENCE = 3 * 3_600_000;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function egress(port: number): Egress {
  const gateways = [FAMILIES[4].gateway, FAMILIES[6].gateway];
  const allow = [`10.0.2.2:${port}`, `[fd00::2]:${port}`];
  const parsed = parsePolicy({ allow, deny: [], gateways, hostLoopback: true });
  if (parsed.kind !== "policy") throw new Error(parsed.problems[0].cause);
  return new Egress(parsed.policy, { tell: () => {} });
}

/** A TCP port that connects whoever comes, as far as its backlog goes, and takes nothing. */
function server(): number {
  const socket = opened(bindPort("tcp", loopback(4)));
  cleanups.push(() => socket.close());
  const { port } = localEndpoint(socket.number);
  if (noLoopback(6) !== undefined) return port;
  const other = opened(bindPort("tcp", loopback(6, port)));
  cleanups.push(() => other.close());
  return port;
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;

for (const seed of SEEDS)
  test(`${ROUNDS} rounds of frames, right ones and damaged ones, seed ${seed}`, () => {
    const port = server();
    const device = new FakeDevice();
    cleanups.push(() => device.close());
    const chance = random(seed);
    const pool = new BlockPool({ blockSize: BLOCK });
    let now = 1000;
    const before = descriptors();
    using stack = new Stack({
      device,
      addresses: new NetworkAddresses([FAMILIES[4], FAMILIES[6]]),
      mtu: 1500,
      egress: egress(port),
      names: { ...noNames(), own: new HostsTable([{ address: ipAddress("10.0.2.100"), names: ["box"] }]) },
      pool,
      now: () => now,
      random: () => chance.below(2 ** 32),
    });
    const own = descriptors() - before;
    const sandbox = new HostileSandbox(chance, port);
    let [sent, answered, mostFlows, mostBlocks] = [0, 0, 0, 0];
    const turn = (): void => {
      stack.ready(0, now);
      stack.turn();
      for (const frame of device.written.splice(0)) {
        answered++;
        sandbox.hears(frame);
      }
      mostFlows = Math.max(mostFlows, stack.flows);
      mostBlocks = Math.max(mostBlocks, pool.blocksTaken);
    };
    for (let round = 0; round < ROUNDS; round++) {
      for (const frame of sandbox.frames()) {
        device.put(frame);
        sent++;
      }
      // One frame a turn is read where there was none before.
      turn();
      turn();
      now += chance.below(20) === 0 ? chance.below(2000) : chance.below(3);
    }
    expect(sent).toBeGreaterThan(ROUNDS);
    // It got somewhere: connections were open, and most of what was right was answered.
    expect(sandbox.established).toBeGreaterThan(100);
    expect(answered).toBeGreaterThan(ROUNDS / 4);
    expect(mostFlows).toBeLessThan(MOST_FLOWS);
    expect(mostBlocks).toBeLessThan(MOST_BLOCKS);
    for (const end = now + SILENCE; now < end; now += 10_000) turn();
    expect({ flows: stack.flows, blocks: pool.blocksTaken, descriptors: descriptors() - before - own }).toEqual({
      flows: 0,
      blocks: 0,
      descriptors: 0,
    });
  }, 60_000);
