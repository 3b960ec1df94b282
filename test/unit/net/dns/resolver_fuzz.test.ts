// Hostile bytes on both sides of the resolver: whatever comes, each query has at most one answer, each send one forget, and
// no address is told or bound that is not admitted.
import { expect, test } from "bun:test";
import { addressIn } from "../../../../src/net/dns/message.ts";
import { parseDns } from "../../../../src/net/wire/dns.ts";
import { formatIpAddress } from "../../../../src/net/wire/ip_address.ts";
import { idOf, query, response, TYPES, type TypeName } from "../../../fixtures/net/dns.ts";
import { joined } from "../../../fixtures/net/first_bytes.ts";
import { Transcript } from "../../../fixtures/net/transcript.ts";
import { type Random, random } from "../../../fixtures/rootfs-builder/random.ts";

const ROUNDS = 40_000;
const RECORDS = [
  "a.example 60 A 192.0.2.1",
  "a.example 60 A 127.0.0.1",
  "a.example 4294967295 AAAA ::1",
  "a.example 60 CNAME b.example",
  "b.example 60 CNAME a.example",
  "b.example 60 A 192.0.2.2",
  "b.example 60 TXT text",
] as const;
const NAMES = [
  "a.example",
  "b.example",
  "box",
  "localhost",
  "x.sandbox.internal",
  "1.0.0.127.in-addr.arpa",
  "",
] as const;

function damaged(bytes: Uint8Array, { below }: Random): Uint8Array {
  const copy = bytes.slice();
  for (let count = below(4); count > 0; count--) copy[below(copy.length)] = below(256);
  return copy.subarray(0, below(5) === 0 ? below(copy.length) : copy.length);
}

function someQuery(source: Random): Uint8Array {
  const [first = "A", ...types] = Object.keys(TYPES) as TypeName[];
  const words = `${source.pick([first, ...types])} ${source.pick(NAMES)}`;
  return query(words, { id: source.below(65536), ...(source.below(2) === 0 ? { edns: source.below(65536) } : {}) });
}

/** In front of the answer, a pointer that may lead anywhere. */
function someResponse(sent: Uint8Array, source: Random): Uint8Array {
  const records = Array.from({ length: source.below(5) }, () => source.pick(RECORDS));
  const bytes = response(sent, records, { rcode: source.pick([0, 0, 0, 2, 3, 5]), truncated: source.below(8) === 0 });
  const pointer = source.below(4) === 0 ? joined(bytes, [0xc0, source.below(64), 0, 1, 0, 1]) : bytes;
  return damaged(pointer, source);
}

/** The addresses in an answer, each with its owner; nothing for one that cannot be read, of which no client takes any. */
function told(answer: Uint8Array): string {
  const message = parseDns(answer);
  const addresses = message?.answers.flatMap((record) => {
    const address = addressIn(record);
    return address ? [`${record.name} ${formatIpAddress(address)}`] : [];
  });
  return JSON.stringify(addresses ?? []);
}

/** One that is admitted, of ours, or localhost's. */
const RIGHTFUL = /^(?:.* 192\.\d+\.\d+\.\d+|box 10\.0\.2\.100|(?:.*\.)?localhost (?:127\.0\.0\.1|::1))$/s;

test(`${ROUNDS} hostile queries, responses and failures`, () => {
  const source = random(0xd45);
  const bound = new Set<string>();
  const transcript = new Transcript({
    own: "10.0.2.100 box",
    show: told,
    hooks: {
      admitsAddress: (_name, { family, bytes }) => family === 4 && bytes[0] === 192,
      bind: (name, address) => bound.add(`${name} ${formatIpAddress(address)}`),
    },
  });
  const { resolver, open } = transcript;
  const counts = { asked: 0, answers: 0, addresses: 0 };
  const note = (lines: readonly string[]): void => {
    for (const line of lines.filter((one) => one.startsWith("<"))) {
      counts.answers++;
      const addresses: string[] = JSON.parse(line.slice(2));
      counts.addresses += addresses.length;
      expect(addresses.filter((one) => !RIGHTFUL.test(one))).toEqual([]);
    }
  };
  for (let round = 0; round < ROUNDS; round++) {
    transcript.now += source.below(50);
    const step = source.below(8);
    const send = open[source.below(Math.max(1, open.length))];
    if (step < 3) {
      counts.asked++;
      note(transcript.ask(damaged(someQuery(source), source), source.pick(["udp", "tcp"]), String(round)));
    } else if (step < 6 && send) {
      const bytes = someResponse(send.bytes, source);
      note(transcript.told(resolver.response(source.below(9) === 0 ? idOf(bytes) : send.id, bytes, transcript.now)));
    } else if (step === 6 && send) note(transcript.fail(send));
    else note(transcript.told(resolver.tick(transcript.now)));
    expect(resolver.outstanding).toBeLessThanOrEqual(512);
    expect(new Set(open.map(({ id }) => id)).size).toBe(open.length);
  }
  while (resolver.pollAt !== undefined) note(transcript.wait());
  expect(open).toEqual([]);
  expect(resolver.outstanding).toBe(0);
  expect(counts.answers).toBeLessThanOrEqual(counts.asked);
  expect(counts.answers).toBeGreaterThan(counts.asked / 2);
  expect(counts.addresses).toBeGreaterThan(ROUNDS / 100);
  expect([...bound].filter((one) => !RIGHTFUL.test(one))).toEqual([]);
});
