// A member's own stack on the uplink, from what the member has said of itself.
import type { Fd } from "../../ffi/fd.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import type { Explanation } from "../net/policy/explain_denial.ts";
import { parsePolicy } from "../net/policy/parse_policy.ts";
import type { NetworkPolicy } from "../net/policy/policy.ts";
import { BlockPool } from "../net/tcp/block_pool.ts";
import { parseIpAddress } from "../net/wire/ip_address.ts";
import type { UserNetwork } from "../spec/spec.ts";
import { networkRecords, type RecordFile } from "../supervisor/network_records.ts";
import { prepareStack } from "../supervisor/start_stack.ts";
import type { Allotted } from "./allotment.ts";
import type { Bridge } from "./bridge.ts";
import type { NetworkDefinition } from "./definition.ts";
import type { Attached, BoundSocket } from "./member.ts";
import { MemberDevice } from "./member_device.ts";
import type { Attach } from "./messages.ts";

export type MemberTools = {
  /** What was blocked, as it is said to people. */
  readonly explain: (explanation: Explanation) => string;
};

export type StackOrder = {
  readonly attach: Attach;
  readonly fds: readonly Fd[];
  readonly ports: readonly BoundSocket[];
  readonly allotted: Allotted;
  readonly definition: NetworkDefinition;
  readonly bridge: Bridge;
  readonly tools: MemberTools;
};

type Judged =
  /** It can be made, and takes a while: the member may be told before. The descriptors are its own from then on. */
  | { readonly kind: "sound"; readonly make: () => Attached }
  | { readonly kind: "refused"; readonly cause: string; readonly hint: string };

/** `undefined` where the descriptors are not those that were announced. */
export function memberStack(order: StackOrder): Judged | undefined {
  const { attach, fds, allotted, definition } = order;
  const files = filesOf(attach, fds);
  if (files === undefined) return undefined;
  const network: UserNetwork = {
    interface: "eth0",
    mtu: definition.mtu,
    ipv4: allotted.ipv4,
    ipv6: allotted.ipv6,
    hostLoopback: definition.hostLoopback,
    names: attach.resolver,
    rules: attach.rules,
    ...(attach.shape && { shape: attach.shape }),
  };
  const policy = policyOf(network, definition.internal);
  if ("cause" in policy) return { kind: "refused", ...policy };
  return { kind: "sound", make: () => makeStack(order, network, policy, files) };
}

function makeStack(
  { attach, ports, allotted, bridge, tools }: StackOrder,
  network: UserNetwork,
  policy: NetworkPolicy,
  { tell, log, pcap }: Files,
): Attached {
  const say = (text: string): void => tellSafely(tell, text);
  const device = new MemberDevice(bridge.device, allotted.hardwareAddress);
  const start = prepareStack({
    network,
    policy,
    hostname: undefined,
    tell: (explanation) => say(tools.explain(explanation)),
    records: networkRecords(log, pcap, (name, error) => say(`sandbox: ${name} is not complete: ${error.message}\n`)),
    published: ports,
    pool: new BlockPool(POOL),
  });
  const files = [log, pcap].flatMap((file) => file?.fd ?? []);
  return { attach, device, stack: start(device, undefined), tell, files };
}

type Files = {
  readonly tell: Fd | undefined;
  readonly log: RecordFile | undefined;
  readonly pcap: RecordFile | undefined;
};

function filesOf({ tells, log, pcap }: Attach, fds: readonly Fd[]): Files | undefined {
  const rest = [...fds];
  const tell = tells ? rest.shift() : undefined;
  const file = (name: string | undefined): RecordFile | undefined => {
    const fd = name === undefined ? undefined : rest.shift();
    return name === undefined || fd === undefined ? undefined : { name, fd };
  };
  const files = { tell, log: file(log), pcap: file(pcap) };
  const wanted = [tells, log !== undefined, pcap !== undefined].filter(Boolean).length;
  return fds.length === wanted ? files : undefined;
}

function policyOf(
  { rules, ipv4, ipv6, hostLoopback }: UserNetwork,
  internal: boolean,
): NetworkPolicy | { readonly cause: string; readonly hint: string } {
  const gateways = [ipv4, ipv6].flatMap((addresses) => parseIpAddress(addresses?.gateway ?? "") ?? []);
  if (internal) return { allow: [], deny: [], otherwise: "deny", gateways, hostLoopback: false };
  const parsed = parsePolicy({ ...rules, gateways, hostLoopback });
  if (parsed.kind === "policy") return parsed.policy;
  const [{ what, cause, hint }] = parsed.problems;
  return { cause: `${what}: ${cause}`, hint };
}

/** Its own, so that one that stalls takes nothing from the others; it keeps less for the next time than a stack that is alone. */
const POOL = { limit: 1024, ample: 64, cached: 8 } as const;

const POLLOUT = 4;
/** PIPE_BUF, pipe(7): so much is written whole or not at all, and where it can be written at once nobody waits. */
const LONGEST = 4096;

/** A pipe that nobody reads would hold all members up: what it does not take is not said. */
function tellSafely(fd: Fd | undefined, text: string): void {
  if (!fd?.isOpen) return;
  const bytes = new TextEncoder().encode(text).subarray(0, LONGEST);
  const polled = new Int32Array([fd.number, POLLOUT]);
  const isReady = rawSyscall("ppoll", polled, 1, new BigInt64Array(2), 0, 8) === 1;
  if (isReady && ((polled[1] ?? 0) >> 16) & POLLOUT) rawSyscall("write", fd.number, bytes, bytes.length);
}
