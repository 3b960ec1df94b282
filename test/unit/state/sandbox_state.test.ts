import { describe, expect, test } from "bun:test";
import { parseStartTime } from "../../../src/state/process_identity.ts";
import { formatState, parseState, type SandboxState } from "../../../src/state/sandbox_state.ts";
import { mutate, random } from "../host/random.ts";

const RUNNING: SandboxState = {
  id: "0123456789ab",
  name: "web",
  status: "running",
  created: "2026-11-25T10:57:46.432Z",
  init: { pid: 8336, startTime: "2887493" },
  command: ["sh", "-c", "echo 'ü\n'"],
  network: {
    mode: "slirp",
    ipv4: "10.0.2.100/24",
    ipv6: "fd00::100/64",
    resolver: { resolvConf: "nameserver 10.0.2.3\n", hosts: "" },
  },
};
const CREATING: SandboxState = {
  ...RUNNING,
  name: undefined,
  status: "creating",
  init: undefined,
  network: { mode: "none", ipv4: undefined, ipv6: undefined, resolver: undefined },
};

/** The text of `RUNNING` with fields of another value; `undefined` takes one away. */
function textWith(fields: object): string {
  return JSON.stringify({ ...JSON.parse(formatState(RUNNING)), ...fields });
}

describe("state.json", () => {
  test("says what was written", () => {
    const limited = { ...RUNNING, cgroup: "/sys/fs/cgroup/user.slice/sandbox-0.scope/sandbox" };
    for (const state of [RUNNING, CREATING, limited]) expect(parseState(formatState(state))).toEqual(state);
  });

  test("is the state of the OCI runtime specification, without a bundle", () => {
    const { ociVersion, id, status, pid } = JSON.parse(formatState(RUNNING));
    expect({ ociVersion, id, status, pid }).toEqual({
      ociVersion: "1.2.0",
      id: "0123456789ab",
      status: "running",
      pid: 8336,
    });
  });

  test("may say more than is asked: a later version's may", () => {
    expect(parseState(textWith({ annotations: {}, network: { ...RUNNING.network, members: [] } }))).toEqual(RUNNING);
  });

  test.each([
    ["an id that is none", { id: "../../etc" }],
    ["an id in capitals", { id: "0123456789AB" }],
    ["a name that is none", { name: "-web" }],
    ["a name with a slash", { name: "a/b" }],
    ["another status", { status: "stopped" }],
    ["a running one without a process", { pid: undefined }],
    ["one in the making with a process", { status: "creating" }],
    ["a process without its start", { startTime: undefined }],
    ["a process of number 0", { pid: 0 }],
    ["a negative one", { pid: -1 }],
    ["one that is no number", { pid: "1" }],
    ["a time that is none", { created: "yesterday" }],
    ["a command that is no list", { command: "sh" }],
    ["a word that is no text", { command: [1] }],
    ["no network", { network: undefined }],
    ["a control group that is not below the root", { cgroup: "/sys/fs/cgroup/../../etc" }],
    ["an address that is none", { network: { mode: "slirp", ipv4: "$(reboot)" } }],
    ["a mode that is none", { network: { mode: "\n" } }],
  ])("%s is none", (_, fields) => {
    expect(parseState(textWith(fields))).toBeUndefined();
  });

  test.each([[""], ["null"], ["[]"], ["{}"], ["{"], ["[".repeat(100_000)], [`"${"x".repeat(2 << 20)}"`]])(
    "%p is none",
    (text) => {
      expect(parseState(text)).toBeUndefined();
    },
  );

  test("a long command is cut off", () => {
    const state = parseState(formatState({ ...RUNNING, command: ["sh", "x".repeat(1 << 20), "y"] }));
    expect(state?.command.map(({ length }) => length)).toEqual([2, 4094]);
    expect(state?.command[1]).toEndWith("x…");
  });

  const ROUNDS = 20_000;
  test(`${ROUNDS} damaged ones: each is none, or one that is sound`, () => {
    const next = random(0x57a7e);
    const [text, known] = [formatState(RUNNING), { none: 0, sound: 0 }];
    for (let round = 0; round < ROUNDS; round++) {
      const state = parseState(mutate(text, next));
      if (state === undefined) known.none++;
      else {
        known.sound++;
        expect(parseState(formatState(state))).toEqual(state);
        expect(state.id).toMatch(/^[0-9a-f]{12}$/);
        expect(state.init?.pid ?? 1).toBeWithin(1, 1 << 23);
      }
    }
    expect(known.none).toBeGreaterThan(ROUNDS / 10);
    expect(known.sound).toBeGreaterThan(ROUNDS / 100);
  });
});

describe("the start of a process", () => {
  const fields = Array.from({ length: 49 }, (_, i) => String(i + 4));

  test.each([["sh"], ["a) S 1 (b"], [")))"], [""], ["a\nb"]])("is found behind the name %p", (name) => {
    expect(parseStartTime(`8336 (${name}) S ${fields.join(" ")}\n`)).toBe("22");
  });

  test.each([[""], ["8336 (sh) S 1 2"], ["8336 (sh) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 x"]])(
    "is not known of %p",
    (text) => {
      expect(parseStartTime(text)).toBeUndefined();
    },
  );
});
