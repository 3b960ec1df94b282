import { expect, test } from "bun:test";
import {
  type ClientMessage,
  emitMessage,
  isHostName,
  parseClientMessage,
  parseServerMessage,
  type ServerMessage,
} from "../../../src/network/messages.ts";
import { mutate, random } from "../host/random.ts";

const ROUNDS = 20_000;
const ATTACH: ClientMessage = {
  kind: "attach",
  names: ["web", "www.example"],
  rules: { allow: ["example.com"], deny: ["10.0.0.0/8"], file: { name: "p.json", text: "{}" } },
  resolver: { servers: ["192.0.2.53"], hosts: [{ name: "db", address: "fd00::7" }] },
  shape: { up: 1000, delay: 5, loss: 0.1 },
  tells: true,
  log: "/tmp/log",
  pcap: "/tmp/pcap",
};
const CLIENT: readonly ClientMessage[] = [
  { kind: "join" },
  { kind: "members" },
  { kind: "stop" },
  { kind: "ports", ports: [{ protocol: "udp", sandboxPort: 53 }] },
  ATTACH,
  { kind: "attach", names: [], rules: { allow: [], deny: [] }, resolver: { servers: [], hosts: [] }, tells: false },
];
const SERVER: readonly ServerMessage[] = [
  { kind: "attached" },
  { kind: "refused", cause: "all of its addresses are taken", hint: "" },
  {
    kind: "joined",
    ipv4: { address: "10.89.0.3", prefixLength: 24, gateway: "10.89.0.1", nameserver: "10.89.0.2" },
    ipv6: null,
  },
  { kind: "members", members: [{ pid: 7, names: ["a"], ipv4: null, ipv6: "fd00::3" }] },
];

test("what one side says the other understands", () => {
  for (const message of CLIENT) expect(parseClientMessage(emitMessage(message))).toEqual(message);
  for (const message of SERVER) expect(parseServerMessage(emitMessage(message))).toEqual(message);
});

test.each([
  ["names", ["a b"]],
  ["names", ["A"]],
  ["names", ["localhost"]],
  ["names", ["host.sandbox.internal"]],
  ["names", "a"],
  ["names", Array.from({ length: 65 }, () => "a")],
  ["rules", { allow: [7], deny: [] }],
  ["rules", { allow: [], deny: [], file: { name: "x" } }],
  ["resolver", { servers: ["host"], hosts: [] }],
  ["resolver", { servers: [], hosts: [{ name: "a", address: "b" }] }],
  ["resolver", { servers: [], hosts: [{ name: "..", address: "192.0.2.1" }] }],
  ["shape", { delay: -1, loss: 0 }],
  ["shape", { delay: 0, loss: 2 }],
  ["shape", { up: 0, delay: 0, loss: 0 }],
  ["shape", null],
  ["tells", 1],
  ["log", 2],
])("an attach whose %s is %p is none", (name, value) =>
  expect(parseClientMessage(new TextEncoder().encode(JSON.stringify({ ...ATTACH, [name]: value })))).toBeUndefined(),
);

test.each([0, -1, 65_536, 1.5, "80", null])("there is no port %p", (sandboxPort) => {
  const text = JSON.stringify({ kind: "ports", ports: [{ protocol: "tcp", sandboxPort }] });
  expect(parseClientMessage(new TextEncoder().encode(text))).toBeUndefined();
});

test("any text gives a message with nothing in it that it may not have, or none", () => {
  const next = random(0x3e55);
  let accepted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const text = new TextDecoder().decode(emitMessage(CLIENT[next(CLIENT.length)] ?? ATTACH));
    const message = parseClientMessage(new TextEncoder().encode(mutate(text, next)));
    if (message === undefined) continue;
    accepted++;
    expect(parseClientMessage(emitMessage(message))).toEqual(message);
    if (message.kind === "attach") expect(message.names.every(isHostName)).toBe(true);
  }
  expect(accepted).toBeGreaterThan(500);
  for (let round = 0; round < ROUNDS; round++) {
    const text = new TextDecoder().decode(emitMessage(SERVER[next(SERVER.length)] ?? { kind: "attached" }));
    const message = parseServerMessage(new TextEncoder().encode(mutate(text, next)));
    if (message !== undefined) expect(parseServerMessage(emitMessage(message))).toEqual(message);
  }
});

test("bytes that are no text are no message", () => {
  const next = random(0xb17e);
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = Uint8Array.from({ length: next(40) }, () => next(256));
    expect(parseClientMessage(bytes)).toBeUndefined();
    expect(parseServerMessage(bytes)).toBeUndefined();
  }
});

test.each(["a", "web-1", "a.b", "_srv", "x".repeat(63)])("%p is a host's name", (name) =>
  expect(isHostName(name)).toBe(true),
);
test.each(["", "-a", "a-", "a..b", ".a", "a.", "x".repeat(64), "a b", "É", "a\0"])("%p is none", (name) =>
  expect(isHostName(name)).toBe(false),
);
