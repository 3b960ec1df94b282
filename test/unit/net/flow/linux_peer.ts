// The stack between Linux and Linux, in a network namespace of linux_peer.test.ts: the kernel's TCP at one end of a TAP device, our
// endpoint at the other, a bad wire between them, and the kernel's loopback behind. A Python program has both ends of every
// connection and compares what arrives. Prints what the wire did.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { syscall } from "../../../../ffi/libc.ts";
import { openTun } from "../../../../ffi/tun.ts";
import { TapDevice } from "../../../../src/net/device/tap_device.ts";
import { NetworkAddresses } from "../../../../src/net/flow/network_addresses.ts";
import type { BoundPort } from "../../../../src/net/flow/publish.ts";
import { Stack } from "../../../../src/net/flow/stack.ts";
import { bindPort } from "../../../../src/net/outbound/bind_port.ts";
import { BlockPool } from "../../../../src/net/tcp/block_pool.ts";
import { formatIpAddress } from "../../../../src/net/wire/ip_address.ts";
import { addAddress } from "../../../../src/netlink/address.ts";
import { batch } from "../../../../src/netlink/batch.ts";
import { LOOPBACK_INDEX, setLink } from "../../../../src/netlink/link.ts";
import type { Request } from "../../../../src/netlink/message.ts";
import { TAP_INDEX, tapRequests } from "../../../../src/netlink/tap_requests.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";
import { type FaultCounts, type Faults, FaultyDevice } from "../../../support/faulty_device.ts";
import { NetlinkSocket } from "../../../support/netlink_socket.ts";
import { noNames, openEgress } from "../../../support/quiet_network.ts";
import { FAMILIES, ipAddress } from "./stack_bench.ts";

/** Settings of net.ipv4 that count for both families, tcp(7). */
export type KernelOption = "tcp_sack" | "tcp_timestamps" | "tcp_window_scaling";

export type LinuxTrial = {
  readonly seed: number;
  readonly family: 4 | 6;
  readonly mtu: number;
  /** Who sends the SYN that crosses the wire: Linux, or our endpoint for a client of a published port. */
  readonly opener: "linux" | "ours";
  readonly faults: Faults;
  /** What the kernel is told not to use. */
  readonly without: readonly KernelOption[];
  readonly connections: number;
  /** Of each connection, from the client and from the server. */
  readonly bytes: readonly [number, number];
};

export type LinuxOutcome = { readonly counts: Readonly<Record<"up" | "down", FaultCounts>>; readonly took: number };

const PORT = 8000;
const PUBLISHED = 9000;
const LOOPBACK = { 4: "127.0.0.1", 6: "::1" } as const;

function tell(...requests: readonly Request[]): void {
  using socket = new NetlinkSocket();
  const answers = socket.exchange(batch(requests, "last").bytes);
  if (answers.length !== 1 || new DataView((answers[0] as Uint8Array).buffer).getInt32(16, true) !== 0)
    throw new Error("netlink refused");
}

function makeTap({ family, mtu, without }: LinuxTrial): TapDevice {
  for (const option of without) writeFileSync(`/proc/sys/net/ipv4/${option}`, "0");
  const device = new TapDevice(openTun(tapRequests({ name: "tap0" })));
  const { sandbox, prefix } = FAMILIES[family];
  tell(
    setLink(LOOPBACK_INDEX, { up: true }),
    setLink(TAP_INDEX, { up: true, mtu }),
    addAddress(TAP_INDEX, sandbox, prefix.length),
  );
  return device;
}

function published(family: 4 | 6): BoundPort {
  const opened = bindPort("tcp", { address: ipAddress(LOOPBACK[family]), port: PUBLISHED });
  if (opened.kind !== "open") throw new Error(`bind: errno ${opened.errno}`);
  return { protocol: "tcp", socket: opened.socket, sandboxPort: PORT };
}

/** Where the server listens and what the client dials. */
function endsOf({ family, opener }: LinuxTrial): readonly (string | number)[] {
  const { sandbox, gateway } = FAMILIES[family];
  return opener === "linux"
    ? [LOOPBACK[family], PORT, formatIpAddress(gateway), PORT]
    : [formatIpAddress(sandbox), PORT, LOOPBACK[family], PUBLISHED];
}

/** Turns the stack until the program has ended; its exit status. */
async function serve(stack: Stack, argv: readonly string[]): Promise<number> {
  const child = Bun.spawn([...argv], { stdio: ["ignore", "inherit", "inherit"] });
  let isOver = false;
  const unwatch = stack.watch(syscall("pidfd_open", "child", child.pid, 0), () => {
    isOver = true;
  });
  while (!isOver) stack.turn(stack.timeout);
  unwatch();
  return child.exited;
}

/** Until nothing is left of any connection: FIN and TIME-WAIT, over the same bad wire. */
function settle(stack: Stack, pool: BlockPool): void {
  const end = performance.now() + 30_000;
  while (stack.flows > 0 && performance.now() < end) stack.turn(Math.min(stack.timeout, 1000));
  const left = { flows: stack.flows, blocks: pool.blocksTaken };
  if (left.flows + left.blocks > 0) throw new Error(`left behind: ${JSON.stringify(left)}`);
}

async function run(trial: LinuxTrial): Promise<LinuxOutcome> {
  const now = (): number => performance.now();
  const chance = random(trial.seed);
  const device = new FaultyDevice(makeTap(trial), trial.faults, chance, now);
  const pool = new BlockPool({ blockSize: 1 << 16 });
  using stack = new Stack({
    device,
    addresses: new NetworkAddresses([FAMILIES[4], FAMILIES[6]]),
    mtu: trial.mtu,
    egress: openEgress([FAMILIES[4].gateway, FAMILIES[6].gateway], true),
    names: noNames(),
    published: trial.opener === "ours" ? [published(trial.family)] : [],
    pool,
    now,
    random: () => chance.below(2 ** 32),
  });
  const began = now();
  const words = [...endsOf(trial), trial.connections, ...trial.bytes].map(String);
  const code = await serve(stack, ["python3", join(import.meta.dir, "both_ends.py"), ...words]);
  if (code !== 0) throw new Error(`both_ends.py ended with ${code}`);
  settle(stack, pool);
  return { counts: device.counts, took: Math.round(now() - began) };
}

if (import.meta.main) console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? ""))));
