// How sandboxes end with a login session, with a user manager, and in numbers; and that nothing of them stays.
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { LineReader } from "../../support/line_reader.ts";
import { eventually, marked } from "../../support/processes.ts";
import { SANDBOX } from "../../support/workspace.ts";
import { loginWorkspace } from "../login.ts";

const here = loginWorkspace();

type Session = { readonly id: string; readonly said: LineReader; readonly ended: Promise<number> };

/** Another login of `user`, as far as its first line, which is the session's id. It is made by a service, as sshd is one: who has a
 * session already gets no other, pam_systemd(8). */
async function login(user: string, script: string): Promise<Session> {
  const service = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--expand-environment=no"];
  const shell = ["su", "--login", user, "--command", `echo "$XDG_SESSION_ID"; cd /var/tmp/sandbox; ${script}`];
  const child = Bun.spawn(["sudo", ...service, ...shell], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const said = new LineReader(child.stdout);
  return { id: (await said.next()) ?? "", said, ended: child.exited };
}

async function nothingMarked(mark: string): Promise<void> {
  await eventually(
    () => marked(mark),
    (left) => left.length === 0,
  );
}

const inside = (mark: string): string =>
  `${SANDBOX} run -- sh -c 'sleep 1000 & setsid sleep 1000 & echo ready; wait; : ${mark}'`;

describe("a login session", () => {
  test("that is terminated takes its sandbox with it", async () => {
    const mark = "vm-terminated";
    const session = await login("dev", inside(mark));
    await session.said.until("ready");
    expect(marked(mark).length).toBeGreaterThan(0);
    await here.asRoot(`loginctl terminate-session ${session.id}`);
    expect(await session.said.rest()).toBe("");
    await session.ended;
    await nothingMarked(mark);
  });

  test("whose shell ends takes along the sandbox in its background, though the session's processes are not killed", async () => {
    const mark = "vm-logged-out";
    const background = `coproc ${inside(mark)}; read -r word <&"\${COPROC[0]}"; echo "$word"`;
    const session = await login("dev", background);
    await session.said.until("ready");
    expect(session.id).not.toBe("");
    expect(await session.ended).toBe(0);
    await nothingMarked(mark);
  });
});

describe("a user manager", () => {
  test("that ends with the last session of a user who does not linger takes along the sandbox in a service", async () => {
    const mark = "vm-no-linger";
    await here.asRoot("useradd --create-home --shell /bin/bash guest");
    const session = await login("guest", `systemd-run --user --quiet --pipe --wait ${inside(mark)} & sleep 1000`);
    await session.said.until("ready");
    expect(marked(mark).length).toBeGreaterThan(0);
    await here.asRoot(`loginctl terminate-session ${session.id}`);
    await session.ended;
    await nothingMarked(mark);
    await here.asRoot("systemctl is-active user@$(id -u guest).service && exit 1; userdel --remove guest");
  });
});

describe("50 sandboxes at once", () => {
  const remains = (): object => ({
    files: readdirSync(here.root, { recursive: true }).map(String).sort(),
    tmp: readdirSync("/tmp").sort(),
    shm: readdirSync("/dev/shm").sort(),
    runtime: readdirSync(`${here.env.XDG_RUNTIME_DIR}/sandbox`).sort(),
    cgroups: readdirSync("/sys/fs/cgroup", { recursive: true })
      .map(String)
      .filter((name) => /sandbox-[^/]*$/.test(name)),
    mounts: readFileSync("/proc/self/mountinfo", "utf8"),
  });

  test("each has its status and its output, and nothing of them stays", async () => {
    const mark = "vm-parallel";
    await here.run(["--name", "first", "--", "true"]);
    const before = remains();
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, i) => here.run(["--", "sh", "-c", `echo ${i} $$; exit ${i} # ${mark}`])),
    );
    expect(all).toEqual(all.map((_, i) => ({ code: i, stdout: `${i} 2\n`, stderr: "" })));
    expect(marked(mark)).toEqual([]);
    expect(remains()).toEqual(before);
  });
});
