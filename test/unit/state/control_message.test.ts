import { describe, expect, test } from "bun:test";
import { parseIpAddress } from "../../../src/net/wire/ip_address.ts";
import {
  type ControlAnswer,
  type ControlRequest,
  formatAnswer,
  formatRequest,
  LARGEST_MESSAGE,
  MOST_PORTS,
  parseAnswer,
  parseRequest,
} from "../../../src/state/control_message.ts";
import { mutate, random } from "../host/random.ts";

function at(text: string) {
  const address = parseIpAddress(text);
  if (address === undefined) throw new Error(text);
  return address;
}

const LONGEST = at("1111:2222:3333:4444:5555:6666:7777:8888");
const END = { protocol: "udp", address: LONGEST, hostPort: 65_535 } as const;
const REQUESTS: readonly ControlRequest[] = [
  { kind: "ports", from: 250 },
  { kind: "publish", ports: Array.from({ length: MOST_PORTS }, () => ({ protocol: "tcp", sandboxPort: 65_535 })) },
  { kind: "unpublish", ports: Array.from({ length: MOST_PORTS }, () => END) },
];
const ANSWERS: readonly ControlAnswer[] = [
  { kind: "ports", ports: [], next: undefined },
  { kind: "ports", ports: Array.from({ length: MOST_PORTS }, () => ({ ...END, sandboxPort: 65_535 })), next: 250 },
  { kind: "done" },
  { kind: "refused", cause: "the socket does not listen" },
];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("what is said at a control socket", () => {
  test("is understood, and fits a message where it is at its largest", () => {
    for (const request of REQUESTS) {
      expect(parseRequest(formatRequest(request))).toEqual(request);
      expect(formatRequest(request).length).toBeLessThan(LARGEST_MESSAGE);
    }
    for (const answer of ANSWERS) {
      expect(parseAnswer(formatAnswer(answer))).toEqual(answer);
      expect(formatAnswer(answer).length).toBeLessThan(LARGEST_MESSAGE);
    }
  });

  test.each([
    ['{"kind":"stop"}'],
    ['{"kind":"ports"}'],
    ['{"kind":"ports","from":-1}'],
    ['{"kind":"ports","from":1e400}'],
    ['{"kind":"publish","ports":[{"protocol":"sctp","sandboxPort":1}]}'],
    ['{"kind":"publish","ports":[{"protocol":"tcp","sandboxPort":0}]}'],
    ['{"kind":"publish","ports":[null]}'],
    [`{"kind":"publish","ports":[${Array(MOST_PORTS + 1).fill('{"protocol":"tcp","sandboxPort":1}')}]}`],
    ['{"kind":"unpublish","ports":[{"protocol":"tcp","hostPort":1}]}'],
    ['{"kind":"unpublish","ports":[{"protocol":"tcp","hostPort":1,"address":"1.2.3"}]}'],
    ['{"kind":"unpublish","ports":{"length":1}}'],
    [""],
    ["\u0000"],
    ["[]"],
  ])("%s is no request", (text) => {
    expect(parseRequest(bytes(text))).toBeUndefined();
  });

  test.each([['{"kind":"done"'], ['{"kind":"refused"}'], ['{"kind":"refused","cause":"\\u001b[2J"}']])(
    "%s is no answer",
    (text) => {
      expect(parseAnswer(bytes(text))).toBeUndefined();
    },
  );

  const ROUNDS = 10_000;
  test(`${ROUNDS} damaged ones of each kind: each is none, or one that can be said again`, () => {
    const next = random(0xc0ff);
    const [request, answer] = [REQUESTS[2], ANSWERS[1]].map((one) =>
      JSON.stringify(one, (key, value) => (key === "address" ? "10.0.2.2" : value)).replace(/,\{.*\}\]/, "]"),
    );
    let understood = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const asked = parseRequest(bytes(mutate(request ?? "", next)));
      const told = parseAnswer(bytes(mutate(answer ?? "", next)));
      if (asked) expect(parseRequest(formatRequest(asked))).toEqual(asked);
      if (told) expect(parseAnswer(formatAnswer(told))).toEqual(told);
      understood += Number(asked !== undefined) + Number(told !== undefined);
    }
    expect(understood).toBeWithin(ROUNDS / 100, 2 * ROUNDS);
  });
});
