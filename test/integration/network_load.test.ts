// Much of everything through a sandbox's own network: bytes, connections one after the other, connections at once. It is all right, and
// what it took is given back. How fast that goes is for the benchmarks: here nothing depends on it.
import { afterEach, beforeAll, describe, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cProgram } from "../support/c_program.ts";
import { LineReader } from "../support/line_reader.ts";
import { GATEWAY, NO_NETWORK } from "../support/network_inside.ts";
import { eventually, pssOf } from "../support/processes.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { type Started, workspace } from "../support/workspace.ts";

const here = workspace();
const NO_LOAD = NO_NETWORK ?? absent("cc");
const withLoad = testWhere(NO_LOAD);
const LIMIT = 180_000;
const LOOPBACK = "127.0.0.1";

let stream = "";
let connections = "";
beforeAll(async () => {
  if (NO_LOAD !== undefined) return;
  const made = (name: string): Promise<string> =>
    cProgram(here, name, readFileSync(join(import.meta.dir, `../support/${name}.c`), "utf8"));
  stream = await made("stream");
  connections = await made("connections");
});

const children: Bun.Subprocess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
});

type Program = { readonly child: Started; readonly lines: LineReader; readonly ask: () => Promise<string | undefined> };

function talkingTo(child: Started): Program {
  children.push(child);
  const lines = new LineReader(child.stdout);
  const ask = (): Promise<string | undefined> => {
    child.stdin.write("\n");
    child.stdin.flush();
    return lines.next();
  };
  return { child, lines, ask };
}

const onHost = (...argv: readonly string[]): Program =>
  talkingTo(Bun.spawn([...argv], { cwd: here.dir, stdin: "pipe", stdout: "pipe", stderr: "pipe" }));

const inside = (...argv: readonly string[]): Program =>
  talkingTo(here.start(["--net", "slirp:host-loopback", "--", ...argv]));

/** Its exit status, and what it complains of. */
async function end({ child }: Program): Promise<readonly [number, string]> {
  await child.stdin.end();
  const complaints = await new Response(child.stderr).text();
  return [await child.exited, complaints];
}

describe("10 GB in one connection arrive as they were sent", () => {
  const BYTES = "10000000000";

  for (const [way, inner, outer] of [
    ["out of the sandbox", "send", "receive"],
    ["into the sandbox", "receive", "send"],
  ] as const)
    withLoad(
      way,
      async () => {
        const server = onHost(stream, "serve", outer, BYTES, LOOPBACK);
        const port = (await server.lines.next()) ?? "";
        const client = inside(stream, "dial", inner, BYTES, GATEWAY[4], port);
        const [sent, received] = await Promise.all([client.lines.next(), server.lines.next()]);
        expect(sent).toMatch(/^[0-9a-f]{64}$/);
        expect(received).toBe(sent);
        expect([await end(client), await end(server)]).toEqual([
          [0, ""],
          [0, ""],
        ]);
      },
      LIMIT,
    );
});

const descriptorsOf = ({ child }: Program): number => readdirSync(`/proc/${child.pid}/fd`).length;

describe("connections one after the other", () => {
  const COUNT = 40_000;
  const RATE = 2000;
  const PORTS = 4;
  /** Of a runtime whose heap comes and goes, in kB; that many flows would be more, were each to leave 1 kB. */
  const SLACK = 30_000;

  withLoad(
    `${COUNT}, ${RATE} a second where the machine can: each is answered, and nothing is left of any`,
    async () => {
      const server = onHost(connections, "serve", LOOPBACK, String(PORTS));
      const ports = (await server.lines.next())?.trim().split(" ") ?? [];
      const short = (count: number): string => `${connections} short ${GATEWAY[4]} ${count} ${RATE} ${ports.join(" ")}`;
      const script = `${short(4000)}; read line; ${short(COUNT)}; read line`;
      const client = inside("sh", "-c", script);
      // After some, everything that is made once is there.
      expect(await client.lines.next()).toStartWith("4000 0 ");
      const isQuiet = async (): Promise<boolean> => (await server.ask())?.endsWith(" 0") === true;
      while (!(await isQuiet()));
      const descriptors = await eventually(
        () => descriptorsOf(client),
        (count) => count < 100,
      );
      const memory = pssOf(client.child.pid);
      const result = await client.ask();
      console.log(`short connections: ${result} (right, failed, milliseconds)`);
      expect(result).toStartWith(`${COUNT} 0 `);
      while (!(await isQuiet()));
      expect(await server.ask()).toBe(`${COUNT + 4000} 0`);
      await eventually(
        () => descriptorsOf(client),
        (count) => count <= descriptors,
      );
      const grown = await eventually(
        () => pssOf(client.child.pid) - memory,
        (kilobytes) => kilobytes < SLACK,
      );
      console.log(`short connections: ${descriptors} descriptors, ${memory} kB before, ${grown} kB more after`);
      expect((await end(client))[1]).toBe("");
    },
    LIMIT,
  );
});

/** Why no 10,000 sockets can be open in each of three processes, if so. */
function fewDescriptors(count: number): string | undefined {
  const hard = /^Max open files +\d+ +(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  return hard === "unlimited" || Number(hard) >= count ? undefined : `no more than ${hard} files may be open`;
}

describe("connections at once", () => {
  const COUNT = 10_000;
  const PORTS = 4;
  /** In kB, for each, once all is quiet: 2 of objects, and what a heap has to spare. */
  const MOST_EACH = 10;
  /** In kB, of all of them, when they have gone: compiled code, spare blocks, pages that are partly used. */
  const LEFT = 80_000;
  const ROUNDS = 3;

  testWhere(NO_LOAD, fewDescriptors(COUNT + 500))(
    `${COUNT}, idle, ${ROUNDS} times: each still answers, what they take is bounded, and given back`,
    async () => {
      const server = onHost(connections, "serve", LOOPBACK, String(PORTS));
      const ports = (await server.lines.next())?.trim().split(" ") ?? [];
      const idle = (count: number): string => `${connections} idle ${GATEWAY[4]} ${count} ${ports.join(" ")}`;
      const rounds = `for i in $(seq ${ROUNDS}); do read line; ${idle(COUNT)}; done; read line`;
      const client = inside("sh", "-c", `(echo c) | ${idle(100)}; ${rounds}`);
      expect(await client.lines.next()).toBe("100");
      const descriptors = await eventually(
        () => descriptorsOf(client),
        (count) => count < 100,
      );
      const before = pssOf(client.child.pid);
      const grown = (isEnough: (kilobytes: number) => boolean): Promise<number> =>
        eventually(() => pssOf(client.child.pid) - before, isEnough);
      const taken: number[] = [];
      for (let round = 1; round <= ROUNDS; round++) {
        expect(await client.ask()).toBe(`${COUNT}`);
        expect(await server.ask()).toBe(`${round * COUNT + 100} ${COUNT}`);
        expect(descriptorsOf(client)).toBeGreaterThan(COUNT);
        taken.push(await grown((kilobytes) => kilobytes < COUNT * MOST_EACH));
        expect(await client.ask()).toBe(`${COUNT}`);
        client.child.stdin.write("c\n");
        client.child.stdin.flush();
        await eventually(
          () => descriptorsOf(client),
          (count) => count <= descriptors,
        );
        while (!(await server.ask())?.endsWith(" 0"));
        taken.push(await grown((kilobytes) => kilobytes < LEFT));
      }
      console.log(`idle connections: ${before} kB, then ${taken.join(", ")} kB more, with and without`);
      expect((await end(client))[1]).toBe("");
    },
    LIMIT,
  );
});
