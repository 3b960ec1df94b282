// Socket units of a real user manager that start sandboxes.
import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { eventually, marked } from "../../support/processes.ts";
import { SANDBOX } from "../../support/workspace.ts";
import { loginWorkspace } from "../login.ts";

const here = loginWorkspace();
const UNITS = join(here.env.XDG_RUNTIME_DIR ?? "", "systemd/user");
const MARK = "vm-activation";
// Answers each client's line at descriptor 3 with the socket's name, whose $LISTEN_PID it is, and how many there were.
const SERVER = `
use IO::Socket::UNIX;
my $socket = IO::Socket::UNIX->new_from_fd(3, "r+") or die $!;
while (my $client = $socket->accept) {
  readline $client;
  print $client join(" ", $ENV{LISTEN_FDNAMES}, $ENV{LISTEN_PID} == $$ ? "mine" : "another's", ++$n), "\\n";
  close $client;
}`;

afterEach(async () => {
  await here.shell("systemctl --user stop 'box.socket' 'box*.service'; systemctl --user reset-failed");
});

/** Socket and service units named box; gives the path of the socket. */
async function installed(socket: string, service: string, template = ""): Promise<string> {
  mkdirSync(UNITS, { recursive: true });
  const path = join(here.root, "box.sock");
  writeFileSync(join(UNITS, "box.socket"), `[Socket]\nListenStream=${path}\nRemoveOnStop=yes\n${socket}\n`);
  const text = `[Service]\nWorkingDirectory=${here.dir}\nEnvironment=MARK=${MARK}\n${service}\n`;
  writeFileSync(join(UNITS, `box${template}.service`), text);
  await here.shell("systemctl --user daemon-reload; systemctl --user start box.socket");
  return path;
}

/** All that comes back until the other end has no more. */
function talk(path: string, payload: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect({ path, allowHalfOpen: true }, () => socket.end(payload));
    socket.on("data", (data) => {
      text += data.toString();
    });
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
  });
}

const stateOf = async (unit: string): Promise<string> =>
  (await here.host(["systemctl", "--user", "is-active", unit])).stdout.trim();

describe("Accept=no", () => {
  test("the first client starts one instance, which has the socket and serves the next as well", async () => {
    const server = here.file("server.pl", SERVER);
    const path = await installed(
      "FileDescriptorName=web",
      `ExecStart=${SANDBOX} run --listen systemd -- perl ${server}`,
    );
    expect(await stateOf("box.service")).toBe("inactive");
    expect(await talk(path, "hello\n")).toBe("web mine 1\n");
    expect(await talk(path, "hello\n")).toBe("web mine 2\n");
    expect(await stateOf("box.service")).toBe("active");
    await here.shell("systemctl --user stop box.socket box.service");
    expect(await here.shell("systemctl --user show -P Result box.service")).toBe("success\n");
    await eventually(
      () => marked(MARK),
      (left) => left.length === 0,
    );
  });

  test("with --listen-mode inetd an instance for each client, at once", async () => {
    const path = await installed("", `ExecStart=${SANDBOX} run --listen systemd --listen-mode inetd -- cat`);
    const said = await Promise.all(["a", "b", "c"].map((word) => talk(path, word)));
    expect(said).toEqual(["a", "b", "c"]);
  });
});

describe("Accept=yes", () => {
  test("a service for each client has the connection on standard input and output", async () => {
    const path = await installed("Accept=yes", `StandardInput=socket\nExecStart=${SANDBOX} run -- cat`, "@");
    const said = await Promise.all(["a", "b", "c"].map((word) => talk(path, word)));
    expect(said).toEqual(["a", "b", "c"]);
  });

  test("a service for each client has the connection at descriptor 3", async () => {
    const command = `sh -c 'head -c 2 <&3 >&3; echo "$LISTEN_FDS $LISTEN_FDNAMES" >&3'`;
    const path = await installed("Accept=yes", `ExecStart=${SANDBOX} run --listen systemd -- ${command}`, "@");
    expect(await talk(path, "hi")).toBe("hi1 connection\n");
    await eventually(
      () => marked(MARK),
      (left) => left.length === 0,
    );
    expect(await here.shell("systemctl --user list-units --failed --plain --no-legend 'box@*'")).toBe("");
  });
});
