import { describe, expect, test } from "bun:test";
import { build, HOST, IMAGE } from "../support_spec.ts";

const destinations = (argv: readonly string[], rootfs = HOST): readonly string[] =>
  build(argv, rootfs).spec.mounts.map(({ destination }) => destination);

describe("the environment", () => {
  const env = (argv: readonly string[], rootfs = HOST): readonly string[] => build(argv, rootfs).spec.process.env;

  test("is built: nothing of the caller's passes but what has a place in it", () => {
    expect(env(["true"])).toEqual(["PATH=/usr/bin:/bin", "HOME=/home/ada", "USER=ada", "LANG=C.UTF-8"]);
  });

  test("-e NAME passes a variable on, -e NAME=VALUE sets one, an unset one is left out", () => {
    expect(env(["-e", "SECRET", "-e", "A=b=c", "-e", "UNSET", "true"])).toEqual(
      expect.arrayContaining(["SECRET=s3cret", "A=b=c"]),
    );
    expect(env(["-e", "UNSET", "true"]).some((text) => text.startsWith("UNSET"))).toBe(false);
  });

  test("--env wins over --env-file; comments and empty lines are passed over", () => {
    const { spec } = build(["--env-file", "vars", "-e", "B=mine", "true"], HOST, {
      files: { "/home/ada/project/vars": "# a comment\n\nA=1\nB=file\n" },
    });
    expect(spec.process.env).toEqual(expect.arrayContaining(["A=1", "B=mine"]));
  });

  test("on an image PATH is the usual one and HOME is root's", () => {
    expect(env(["true"], IMAGE)).toEqual(expect.arrayContaining(["HOME=/root", "USER=root"]));
    expect(env(["true"], IMAGE)[0]).toStartWith("PATH=/usr/local/sbin:");
  });
});

describe("ids and capabilities", () => {
  test("on the host's view the command is the caller, with no capability at all", () => {
    const { spec } = build(["true"]);
    expect(spec.process.user).toMatchObject({ uid: 1000, gid: 1000 });
    expect(spec.process.capabilities.bounding).toEqual([]);
    expect(spec.sandbox.idMapWriter).toBe("self");
    expect(spec.sandbox.emulateRoot).toBe(false);
  });

  test("on an image it is root, with Docker's set and nothing inheritable", () => {
    const { process, sandbox } = build(["true"], IMAGE).spec;
    expect(process.user.uid).toBe(0);
    expect(process.capabilities.bounding).toHaveLength(14);
    expect(process.capabilities.inheritable).toEqual([]);
    expect(sandbox.idMapWriter).toBe("helper");
  });

  test("root in single mode is emulated, unless told not to", () => {
    expect(build(["--userns", "single", "true"], IMAGE).spec.sandbox.emulateRoot).toBe(true);
    expect(build(["--userns", "single", "--no-emulate-root", "true"], IMAGE).spec.sandbox.emulateRoot).toBe(false);
  });

  test("a capability added for a user who is not root is ambient, so that it survives execve", () => {
    const { capabilities } = build(["--cap-add", "net_raw", "true"]).spec.process;
    expect(capabilities.ambient).toEqual(["CAP_NET_RAW"]);
    expect(capabilities.inheritable).toEqual(["CAP_NET_RAW"]);
  });

  test("--cap-drop ALL with --cap-add leaves what was added", () => {
    const { capabilities } = build(["--cap-drop", "ALL", "--cap-add", "CHOWN", "true"], IMAGE).spec.process;
    expect(capabilities.effective).toEqual(["CAP_CHOWN"]);
  });

  test("a user without a mapping is refused by name, and so are groups where setgroups is denied", () => {
    expect(() => build(["--uidmap", "0:1000:1", "--user", "5", "true"], IMAGE)).toThrow("user 5");
    expect(() => build(["--userns", "single", "--group-add", "5", "true"], IMAGE)).toThrow("--group-add");
  });

  test("--user takes names from the root file system's own passwd", () => {
    const files = { "/store/alpine/etc/passwd": "www:x:33:34::/var/www:/bin/sh\n" };
    const { spec } = build(["--user", "www", "true"], IMAGE, { files });
    expect(spec.process.user).toMatchObject({ uid: 33, gid: 34 });
    expect(spec.process.env).toContain("HOME=/var/www");
    expect(() => build(["--user", "nobody-knows", "true"], IMAGE, { files })).toThrow("no such user");
  });
});

describe("mounts", () => {
  test("the host's folders are read-only and its links are kept", () => {
    const { mounts } = build(["true"]).spec;
    expect(mounts).toContainEqual({
      type: "bind",
      source: "/usr",
      destination: "/usr",
      options: ["ro", "nosuid", "nodev"],
    });
    expect(mounts).toContainEqual({ type: "symlink", source: "usr/bin", destination: "/bin", options: [] });
  });

  test("resolv.conf is made where the host's link leads to", () => {
    expect(destinations(["true"])).toContain("/run/systemd/resolve/stub-resolv.conf");
    expect(destinations(["true"])).not.toContain("/etc/hostname");
  });

  test("the current directory is bound at its own path", () => {
    const { spec, notes } = build(["true"]);
    expect(spec.process.cwd).toBe("/home/ada/project");
    expect(spec.mounts.find(({ destination }) => destination === "/home/ada/project")?.options).toContain("rw");
    expect(notes).toEqual([]);
  });

  for (const cwd of ["/", "/home", "/home/ada", "/proc/self", "/dev"])
    test(`${cwd} as the current directory is not shown, and one line says why`, () => {
      const { spec, notes } = build(["true"], HOST, { cwd });
      expect(spec.mounts.some(({ source, type }) => type === "bind" && source === cwd)).toBe(false);
      expect(notes).toHaveLength(1);
    });

  test("user mounts come in the order of their depth, whatever flag they came by", () => {
    const list = destinations(["--tmpfs", "/x/y/z", "-v", "/data:/x", "--mount", "type=tmpfs,dst=/x/y", "true"]);
    expect(list.slice(-3)).toEqual(["/x", "/x/y", "/x/y/z"]);
  });

  test("a missing bind source is an error that shows `try`, and with it the mount is left out", () => {
    expect(() => build(["-v", "/nope:/x", "true"])).toThrow("does not exist");
    expect(destinations(["-v", "/nope:/x:try", "true"])).not.toContain("/x");
  });

  test("what is to be hidden must be there", () => {
    expect(() => build(["--hide", "/etc/nope", "true"])).toThrow("there is nothing");
    expect(build(["--hide", "/etc/passwd", "true"]).spec.linux.maskedPaths).toContain("/etc/passwd");
    expect(build(["--hide", "/data", "-v", "/data:/data", "true"]).directories.has("/data")).toBe(true);
  });

  test("devpts asks for the group tty only where that id is mapped", () => {
    const options = (argv: readonly string[]) =>
      build(argv, IMAGE).spec.mounts.find(({ type }) => type === "devpts")?.options;
    expect(options(["true"])).toContain("gid=5");
    expect(options(["--userns", "single", "true"])).not.toContain("gid=5");
  });
});

describe("the rest of the process", () => {
  test("a terminal is allocated when both ends are one, and never with --no-tty", () => {
    expect(build(["true"], HOST, { terminal: true }).spec.process.terminal).toBe(true);
    expect(build(["--no-tty", "true"], HOST, { terminal: true }).spec.process.terminal).toBe(false);
    expect(build(["-t", "true"]).spec.process.terminal).toBe(true);
  });

  test("the limit on descriptors is the caller's, not the one that the runtime has raised", () => {
    expect(build(["true"]).spec.process.rlimits).toEqual([{ type: "RLIMIT_NOFILE", soft: 1024, hard: 4096 }]);
    expect(build(["--ulimit", "nofile=10:20", "true"]).spec.process.rlimits).toEqual([
      { type: "RLIMIT_NOFILE", soft: 10, hard: 20 },
    ]);
  });

  test("contradicting switches are refused", () => {
    expect(() => build(["--init", "--no-init", "true"])).toThrow("contradict");
  });

  test("a NUL byte from an --env-file is refused", () => {
    const files = { "/home/ada/project/vars": "A=x\0y" };
    expect(() => build(["--env-file", "vars", "true"], HOST, { files })).toThrow("NUL");
  });

  test("without a command it is a shell", () => {
    expect(build([], IMAGE).spec.process.args).toEqual(["/bin/sh"]);
    expect(build([], HOST, { env: { SHELL: "/bin/zsh" } }).spec.process.args).toEqual(["/bin/zsh"]);
  });
});
