import { expect, test } from "bun:test";
import { parseArp } from "../../../../src/net/wire/arp.ts";
import { complement, sum } from "../../../../src/net/wire/checksum.ts";
import { type DhcpRequest, emitDhcpv4, parseDhcpv4 } from "../../../../src/net/wire/dhcpv4.ts";
import { type DnsMessage, emitDns, parseDns, parseDnsHeader } from "../../../../src/net/wire/dns.ts";
import { encodeName, readName } from "../../../../src/net/wire/domain_name.ts";
import { parseEthernet } from "../../../../src/net/wire/ethernet.ts";
import { FragmentReassembler } from "../../../../src/net/wire/fragments.ts";
import { emitIcmpv4, icmpv4Length, parseIcmpv4 } from "../../../../src/net/wire/icmpv4.ts";
import { parseIcmpv6 } from "../../../../src/net/wire/icmpv6.ts";
import { parseIp, parseQuotedIp } from "../../../../src/net/wire/ip.ts";
import { emitNdp, type NdpMessage, ndpLength, parseNdp } from "../../../../src/net/wire/ndp.ts";
import { emitTcp, parseTcp, type TcpSegment, tcpHeaderLength } from "../../../../src/net/wire/tcp.ts";
import { parseUdp } from "../../../../src/net/wire/udp.ts";
import { parseVirtioNetHdr } from "../../../../src/net/wire/virtio_net_hdr.ts";
import { type Random, random } from "../../../fixtures/rootfs-builder/random.ts";
import { captured, FRAME_NAMES, fromHex } from "./captured.ts";
import { address, present } from "./values.ts";

const ROUNDS = 10_000;
const PSEUDO = { source: address("fd00::1"), destination: address("fd00::2") };
const ETHERNET = 14;
const IPV4 = ETHERNET + 20;
const IPV6 = ETHERNET + 40;

type Subject = {
  readonly parse: (bytes: Uint8Array) => object | undefined;
  readonly seeds: readonly Uint8Array[];
  /** What must hold of any value that it gives, besides that its views are within its input. */
  readonly check?: (value: never) => void;
};

const frames = FRAME_NAMES.map(captured);
const packets = frames.map((frame) => frame.subarray(ETHERNET));
const uppers = frames.map((frame) => frame.subarray(frame[12] === 0x86 ? IPV6 : IPV4));

const QUESTION = "07 4578416d506c65 03 636f6d 00 0001 0001";
const DNS_SEEDS = [
  `1234 0120 0001 0000 0000 0001 ${QUESTION} 00 0029 04d0 00008000 000c 000a0008 0102030405060708`,
  `1234 8180 0001 0002 0000 0000 ${QUESTION} c00c 0001 0001 0000012c 0004 c0000201 c00c 001c 0001 0000012c 0010 20010db8000000000000000000000001`,
  `1234 8180 0001 0002 0001 0001 ${QUESTION} c00c 0005 0001 00000005 0006 0363646ec010 c027 0001 0001 00000005 0004 7f000001
   c010 0006 0001 00000005 0004 c00cc010 00 0029 0200 00000000 0000`.replace("\n", ""),
].map(fromHex);

const DHCP_SEED = ((): Uint8Array => {
  const bytes = new Uint8Array(300);
  bytes.set(fromHex("01010600 a1b2c3d4"));
  bytes.set(fromHex("63825363 350103 340103 32040a000264 36040a000202 3707 01031a06 0c0f77 ff"), 236);
  return bytes;
})();

const NDP_SEED = fromHex(
  `8600 0000 40 c0 0708 00000000 00000000 0101 020000000001 0304 40 c0 00015180 00003840 00000000 fd000000000000000000000000000000
   0501 0000 0000ffd8 1802 40 08 00000e10 fd01000000000000 1903 0000 00000e10 fd000000000000000000000000000003
   1f03 0000 00000e10 036c616e00 036e657404686f6d6500 00`.replaceAll("\n", ""),
);

const SUBJECTS: Readonly<Record<string, Subject>> = {
  parseVirtioNetHdr: { parse: parseVirtioNetHdr, seeds: frames },
  parseEthernet: { parse: parseEthernet, seeds: frames },
  parseArp: { parse: parseArp, seeds: packets },
  parseIp: { parse: parseIp, seeds: packets, check: checkIp },
  parseQuotedIp: { parse: parseQuotedIp, seeds: packets, check: checkIp },
  parseIcmpv4: { parse: (bytes) => parseIcmpv4(bytes, "trust"), seeds: uppers, check: checkIcmpv4 },
  "parseIcmpv4, verified": { parse: parseIcmpv4, seeds: uppers },
  parseIcmpv6: { parse: parseIcmpv6, seeds: uppers },
  "parseIcmpv6, verified": { parse: (bytes) => parseIcmpv6(bytes, PSEUDO), seeds: uppers },
  parseNdp: {
    parse: (bytes) => parseNdp(bytes, 255),
    seeds: [...uppers, NDP_SEED, NDP_SEED, NDP_SEED],
    check: checkNdp,
  },
  parseUdp: { parse: parseUdp, seeds: uppers },
  "parseUdp, verified": { parse: (bytes) => parseUdp(bytes, PSEUDO), seeds: uppers },
  parseTcp: { parse: parseTcp, seeds: uppers, check: checkTcp },
  "parseTcp, verified": { parse: (bytes) => parseTcp(bytes, PSEUDO), seeds: uppers },
  parseDhcpv4: { parse: parseDhcpv4, seeds: [DHCP_SEED], check: checkDhcp },
  parseDnsHeader: { parse: parseDnsHeader, seeds: DNS_SEEDS },
  parseDns: { parse: parseDns, seeds: DNS_SEEDS, check: checkDns },
  readName: { parse: (bytes) => readName(bytes, (bytes[0] ?? 0) & 31), seeds: DNS_SEEDS, check: checkName },
};

function checkIp({ fragment, payload }: NonNullable<ReturnType<typeof parseIp>>): void {
  expect(payload.length).toBeLessThanOrEqual(65535);
  if (fragment !== undefined) expect(fragment.offset % 8).toBe(0);
}

function checkIcmpv4(message: NonNullable<ReturnType<typeof parseIcmpv4>>): void {
  const into = new Uint8Array(icmpv4Length(message));
  emitIcmpv4(message, into, 0);
  expect(parseIcmpv4(into)).toEqual(message);
}

function checkNdp(message: NdpMessage): void {
  const into = new Uint8Array(ndpLength(message));
  emitNdp(message, PSEUDO, into, 0);
  expect(parseNdp(into, 255, PSEUDO)).toEqual(message);
}

function checkTcp(segment: TcpSegment): void {
  const into = new Uint8Array(60);
  expect(segment.options.windowScale ?? 0).toBeLessThanOrEqual(14);
  expect(segment.options.sackBlocks?.length ?? 0).toBeLessThanOrEqual(4);
  expect(emitTcp(segment, into, 0)).toBe(tcpHeaderLength(segment));
}

function checkDhcp(request: DhcpRequest): void {
  expect(emitDhcpv4({ kind: "nak", serverIdentifier: PSEUDO.source }, request).length).toBeGreaterThanOrEqual(300);
}

/** A message of ours that's made of it says the same. */
function checkDns(message: DnsMessage): void {
  expect(parseDns(emitDns(message, 65535))).toEqual(message);
}

function checkName({ name, wireName }: { readonly name: string; readonly wireName: Uint8Array }): void {
  expect(wireName.length).toBeLessThanOrEqual(255);
  expect(encodeName(name)?.length).toBe(wireName.length);
}

/** Numbers that lengths, counts and offsets trip over. */
const EDGES = [0, 1, 2, 3, 4, 5, 7, 8, 0x0f, 0x45, 0x4f, 0x60, 0x7f, 0x80, 0xc0, 0xfe, 0xff] as const;

/** A valid packet with some bytes changed, cut or repeated; or any bytes at all. */
function input({ seeds }: Subject, { below, pick }: Random): Uint8Array {
  if (below(4) === 0) return new Uint8Array(below(120)).map(() => (below(2) === 0 ? pick(EDGES) : below(256)));
  let bytes = (seeds[below(seeds.length)] ?? new Uint8Array(0)).slice();
  for (let count = below(5); count > 0 && bytes.length > 0; count--) {
    const at = below(below(3) === 0 ? bytes.length : Math.min(bytes.length, 80));
    if (below(8) === 0) bytes = bytes.slice(0, at);
    else if (below(12) === 0) bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(below(at + 1))]);
    else bytes[at] = below(2) === 0 ? pick(EDGES) : below(256);
  }
  if (below(2) === 0) resum(bytes);
  return bytes;
}

/** Most damage to an IPv4 header would stop at its checksum; made right again, it goes deeper. */
function resum(bytes: Uint8Array): void {
  const length = ((bytes[0] ?? 0) & 0xf) * 4;
  if ((bytes[0] ?? 0) >> 4 !== 4 || length < 20 || length > bytes.length) return;
  bytes.fill(0, 10, 12);
  const checksum = complement(sum(bytes.subarray(0, length)));
  bytes.set([checksum >> 8, checksum & 0xff], 10);
}

/** Every view in `value` is within `bytes`, and every address has its family's length. */
function checkViews(value: unknown, bytes: Uint8Array): void {
  if (value instanceof Uint8Array) {
    if (value.buffer !== bytes.buffer) return;
    const start = value.byteOffset - bytes.byteOffset;
    if (start < 0 || start + value.length > bytes.length)
      throw new Error(`a view of ${value.length} bytes at ${start}`);
  } else if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) checkViews(part, bytes);
    if ("family" in value && "bytes" in value)
      expect((value.bytes as Uint8Array).length).toBe(value.family === 4 ? 4 : 16);
  }
}

/** The same bytes amid different ones give the same value: nothing beside them is read. Returns whether there is one. */
function tryOne({ parse, check }: Subject, bytes: Uint8Array, { below }: Random): boolean {
  const at = below(9);
  const [zeros, ones] = [0, 0xff].map((filling) => {
    const memory = new Uint8Array(at + bytes.length + 64).fill(filling);
    memory.set(bytes, at);
    return memory.subarray(at, at + bytes.length);
  });
  const value = parse(present(zeros));
  if (!Bun.deepEquals(value, parse(present(ones)))) throw new Error(`reads outside: ${bytes.toHex()}`);
  if (value === undefined) return false;
  checkViews(value, present(zeros));
  check?.(value as never);
  return true;
}

for (const [name, subject] of Object.entries(SUBJECTS)) {
  test(`${name}: ${ROUNDS} damaged or random inputs are read or refused, and no byte beside them is looked at`, () => {
    const source = random(0x3172 + name.length);
    let accepted = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = input(subject, source);
      try {
        if (tryOne(subject, bytes, source)) accepted++;
      } catch (error) {
        throw new Error(`input ${bytes.toHex()}`, { cause: error });
      }
    }
    if (!name.includes("verified")) expect(accepted).toBeGreaterThan(ROUNDS / 100);
    expect(accepted).toBeLessThan(ROUNDS);
  });
}

test(`${ROUNDS} pieces of garbage leave the reassembler within its limits, and empty in the end`, () => {
  const { below } = random(0x5722);
  const limits = { datagrams: 8, bytes: 100_000, timeout: 1000 };
  const reassembler = new FragmentReassembler(limits);
  let whole = 0;
  for (let now = 0; now < ROUNDS; now++) {
    const fragment = {
      identification: below(12),
      offset: 8 * below(below(4) === 0 ? 8192 : 4),
      moreFragments: below(2) === 0,
    };
    const payload = new Uint8Array(8 * (1 + below(below(9) === 0 ? 2000 : 3)));
    const ends = below(2) === 0 ? PSEUDO : { source: address("10.0.0.1"), destination: address("10.0.0.2") };
    const packet = reassembler.push({ ...ends, protocol: below(70), hopLimit: 1, fragment, payload }, now);
    if (packet !== undefined) whole++;
    if (below(50) === 0) reassembler.expire(now);
    expect(reassembler.held).toBeLessThanOrEqual(limits.bytes);
    expect(reassembler.held).toBeGreaterThanOrEqual(0);
    expect(reassembler.datagrams).toBeLessThanOrEqual(limits.datagrams);
  }
  expect(whole).toBeGreaterThan(ROUNDS / 100);
  reassembler.expire(2 * ROUNDS);
  expect([reassembler.held, reassembler.datagrams, reassembler.nextExpiry]).toEqual([0, 0, undefined]);
});
