// The commonest uses of the built binary, as an unprivileged user who has logged in to a machine with systemd.
import { describe, expect, test } from "bun:test";
import { loginWorkspace } from "../login.ts";

const here = loginWorkspace();

describe("the machine", () => {
  test("the tests are an unprivileged user's, in a session beside the user manager", async () => {
    expect(await here.shell("id -un; grep CapEff /proc/self/status; cat /proc/self/cgroup")).toMatch(
      /^dev\nCapEff:\t0+\n0::\/user.slice\/user-1000.slice\/session-\w+.scope\n$/,
    );
  });

  test("the user manager runs, and has been given all controllers that a limit wants", async () => {
    const place = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers";
    const said = await here.shell(`systemctl --user is-system-running; busctl --user status >&2; cat ${place}`);
    expect(said).toBe("running\ncpuset cpu io memory pids\n");
  });
});

describe("doctor", () => {
  test("finds nothing to mend", async () => {
    const { code, stdout, stderr } = await here.sandbox(["doctor"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toStartWith("sandbox can run here: yes\n");
    expect(stdout.match(/^ {2}[\w -]+? {2,}no .*/gm) ?? []).toEqual([]);
    expect(stdout).not.toContain("To mend it");
  });
});

describe("run", () => {
  test("a command that succeeds says nothing", async () => {
    expect(await here.run(["--", "true"])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("its status is ours, and what is wrong otherwise has a status of its own", async () => {
    const claims: readonly (readonly [number, readonly string[]])[] = [
      [7, ["--", "sh", "-c", "exit 7"]],
      [137, ["--", "sh", "-c", "kill -9 $$"]],
      [127, ["--", "no-such-command"]],
      [126, ["--", "/etc/passwd"]],
      [125, ["-v", "/no/such/folder:/x", "--", "true"]],
      [2, ["--no-such-flag"]],
    ];
    const seen: (readonly [number, readonly string[]])[] = [];
    for (const [, args] of claims) seen.push([(await here.run(args)).code, args]);
    expect(seen).toEqual([...claims]);
  });

  test("a root file system with a range of ids has owners of its own", async () => {
    here.folder("tree/bin");
    const archive = "owners.tar";
    await here.shell(
      "cp /bin/busybox tree/bin/busybox && ln -s busybox tree/bin/sh && echo x >tree/web && " +
        `tar -cf ${archive} -C tree --owner=0 --group=0 bin && tar -rf ${archive} -C tree --owner=33 --group=33 web`,
    );
    const script =
      "busybox stat -c %u:%g /web; busybox chown 1000:65535 /web; busybox stat -c %u:%g /web; busybox id -u; busybox awk '{ print $1, $2, $3 }' /proc/self/uid_map";
    const said = await here.run(["--rootfs", `./${archive}`, "--userns", "range", "--", "/bin/sh", "-c", script]);
    expect(said).toMatchObject({ code: 0, stdout: "33:33\n1000:65535\n0\n0 1000 1\n1 100000 65536\n" });
  });

  test("the network of its own leads to a server, by what the machine's routes are", async () => {
    await here.asRoot("ip link add outside type dummy; ip addr add 192.0.2.1/24 dev outside; ip link set outside up");
    using server = Bun.serve({ hostname: "192.0.2.1", port: 0, fetch: () => new Response("served") });
    const url = `http://192.0.2.1:${server.port}/`;
    expect(await here.inside(`curl -sS ${url}`)).toBe("served");
    const without = await here.run(["--net", "none", "--", "curl", "-sS", url]);
    expect(without).toMatchObject({ code: 7, stdout: "" });
  });
});
