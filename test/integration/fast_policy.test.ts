// With --net fast there are sockets of the host's inside. A hostile command (test/fixtures/net/escape.c) tries every way that there is to
// lead one elsewhere; a server at a port of the host's that the rules deny, and that all its tries are for, must never see a connection.
import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cProgram } from "../support/c_program.ts";
import { FAST, NO_FAST } from "../support/fast_network.ts";
import { TcpServer } from "../support/network_servers.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const withFast = testWhere(NO_FAST, absent("cc"));
const SOURCE = readFileSync(join(import.meta.dir, "../fixtures/net/escape.c"), "utf8");
const TRIES = 100_000;
/** So many tries, each of which wakes the supervisor. */
const LONG = 300_000;

/** What `escape WAY` says, and how many came to the server that it may not reach. */
async function tries(way: string): Promise<{ readonly stdout: string; readonly came: number }> {
  let came = 0;
  await using denied = await TcpServer.start((socket) => {
    came++;
    socket.destroy();
  });
  await using allowed = await TcpServer.start((socket) => socket.end("hello"));
  const program = await cProgram(here, "escape", SOURCE);
  const rules = [...FAST, "--deny-net", `10.0.2.2:${denied.port}`];
  const words = [program, way, String(allowed.port), String(denied.port), String(TRIES)];
  const { code, stdout, stderr } = await here.run([...rules, "--", ...words]);
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}${stdout}`);
  return { stdout, came };
}

const REFUSED = `fastopen EOPNOTSUPP EOPNOTSUPP EOPNOTSUPP
group ENOPROTOOPT
route ENOPROTOOPT
bind EINVAL
listen EINVAL
connect fails
`;

describe("a socket of the host's", () => {
  withFast("cannot be disconnected, bound, listened on, or connected to anybody else, by any call", async () => {
    expect(await tries("unspec")).toEqual({ stdout: `disconnect EOPNOTSUPP\n${REFUSED}read done\n`, came: 0 });
  });

  withFast("nor by another process that it was sent to", async () => {
    expect(await tries("rights")).toEqual({ stdout: `disconnect EOPNOTSUPP\n${REFUSED}`, came: 0 });
  });
});

describe("races", () => {
  withFast(
    `an address that is another by the time it is used: ${TRIES} connections`,
    async () => expect(await tries("rewrite")).toEqual({ stdout: "some connected\n", came: 0 }),
    LONG,
  );

  withFast(
    `a descriptor that is another: ${TRIES} calls on a Unix socket that find the host's, which one disconnects; it leads nowhere`,
    async () => expect(await tries("exchange")).toEqual({ stdout: `disconnected\n${REFUSED}`, came: 0 }),
    LONG,
  );

  withFast("a child that shares its parent's memory connects as it may, too", async () => {
    expect(await tries("vfork")).toEqual({ stdout: "child 0\n", came: 0 });
  });
});
