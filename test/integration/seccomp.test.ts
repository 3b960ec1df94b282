// The filter: what Docker's default policy denies is denied, in the way that it denies it; and what a profile of one's own says holds.
import { beforeAll, describe, expect, test } from "bun:test";
import { arch } from "node:os";
import { cProgram } from "../support/c_program.ts";
import { noTun } from "../support/net_namespace.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { SANDBOX, workspace } from "../support/workspace.ts";

const here = workspace();
const needsCompiler = absent("cc");
const withCompiler = testWhere(needsCompiler);
const withTun = testWhere(noTun());
const onX64 = testWhere(needsCompiler, arch() === "x64" ? undefined : `the processor is ${arch()}`);
const X64 = arch() === "x64";

// Makes the call that its arguments say, in numbers; prints "ok" or the errno's number.
const CALL = `
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>
int main(int n, char **v) {
  long a[7] = {0};
  for (int i = 1; i < n && i < 8; i++) a[i - 1] = (long)strtoull(v[i], 0, 0);
  errno = 0;
  long r = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
  if (r == -1) printf("%d\\n", errno); else printf("ok\\n");
}`;

let call = "";
beforeAll(async () => {
  if (needsCompiler === undefined) call = await cProgram(here, "call", CALL);
});

/** What system call \`words\` answers inside: "ok" or an errno. */
async function answer(words: readonly (number | string)[], args: readonly string[] = []): Promise<string> {
  const { stdout, stderr, code } = await here.run([...args, "--", call, ...words.map(String)]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trim();
}

const EPERM = "1";
const ENOSYS = "38";
// By their numbers on x86-64 and aarch64.
const NR = {
  unshare: X64 ? 272 : 97,
  clone: X64 ? 56 : 220,
  clone3: 435,
  setns: X64 ? 308 : 268,
  mount: X64 ? 165 : 40,
  umount2: X64 ? 166 : 39,
  pivot_root: X64 ? 155 : 41,
  open_tree: 428,
  fsopen: 430,
  move_mount: 429,
  mount_setattr: 442,
  keyctl: X64 ? 250 : 219,
  add_key: X64 ? 248 : 217,
  request_key: X64 ? 249 : 218,
  bpf: X64 ? 321 : 280,
  perf_event_open: X64 ? 298 : 241,
  userfaultfd: X64 ? 323 : 282,
  kexec_load: X64 ? 246 : 104,
  init_module: X64 ? 175 : 105,
  reboot: X64 ? 169 : 142,
  swapon: X64 ? 167 : 224,
  settimeofday: X64 ? 164 : 170,
  acct: X64 ? 163 : 89,
  quotactl: X64 ? 179 : 60,
  io_uring_setup: 425,
  io_uring_enter: 426,
  io_uring_register: 427,
  open_by_handle_at: X64 ? 304 : 265,
  move_pages: X64 ? 279 : 239,
  lookup_dcookie: X64 ? 212 : 18,
  vmsplice: X64 ? 278 : 75,
  personality: X64 ? 135 : 92,
  socket: X64 ? 41 : 198,
  getpid: X64 ? 39 : 172,
  ioctl: X64 ? 16 : 29,
  chroot: X64 ? 161 : 51,
} as const;

describe("denied with EPERM, to the caller and to root inside", () => {
  const DENIED: readonly (readonly [keyof typeof NR, ...(number | string)[]])[] = [
    ["unshare", 0x10000000],
    ["unshare", 0x20000],
    ["clone", 0x10000011],
    ["setns", 0, 0],
    ["mount", 0, 0, 0, 0, 0],
    ["umount2", 0, 0],
    ["pivot_root", 0, 0],
    ["open_tree", 0, 0, 0],
    ["fsopen", 0, 0],
    ["move_mount", 0, 0, 0, 0, 0],
    ["mount_setattr", 0, 0, 0, 0, 0],
    ["keyctl", 0, 0],
    ["add_key", 0, 0],
    ["request_key", 0, 0],
    ["bpf", 0, 0, 0],
    ["perf_event_open", 0, 0, 0, 0, 0],
    ["userfaultfd", 0],
    ["kexec_load", 0, 0, 0, 0],
    ["init_module", 0, 0, 0],
    ["reboot", 0, 0, 0],
    ["swapon", 0, 0],
    ["settimeofday", 0, 0],
    ["acct", 0],
    ["quotactl", 0, 0, 0, 0],
    ["io_uring_setup", 1, 0],
    ["io_uring_enter", 0, 0, 0],
    ["io_uring_register", 0, 0],
    ["open_by_handle_at", 0, 0, 0],
    ["move_pages", 0, 0, 0, 0, 0, 0],
    ["personality", 0x40000],
  ];

  for (const [name, ...args] of DENIED)
    withCompiler(`${name}(${args.map((arg) => Number(arg).toString(16)).join(", ")})`, async () => {
      expect(await answer([NR[name], ...args])).toBe(EPERM);
      expect(await answer([NR[name], ...args], ["--user", "0:0"])).toBe(EPERM);
    });

  withCompiler("an AF_VSOCK socket: another machine's", async () => {
    expect(await answer([NR.socket, 40, 1, 0])).toBe(EPERM);
  });
});

describe("answered with ENOSYS, so that programs fall back", () => {
  withCompiler("clone3, whose flags a filter cannot see", async () => {
    expect(await answer([NR.clone3, 0, 0])).toBe(ENOSYS);
  });

  for (const nr of [500, 999, 1000, 4096])
    withCompiler(`system call ${nr}, which did not exist when this was built`, async () => {
      expect(await answer([nr])).toBe(ENOSYS);
    });

  withCompiler("threads and processes start all the same", async () => {
    const program = await cProgram(
      here,
      "threads",
      '#include <pthread.h>\n#include <stdio.h>\n#include <sys/wait.h>\n#include <unistd.h>\nvoid *f(void *x) { return x; }\nint main() { pthread_t t; void *r; pthread_create(&t, 0, f, "thread"); pthread_join(t, &r); if (fork() == 0) _exit(3); int s; wait(&s); printf("%s %d\\n", (char *)r, WEXITSTATUS(s)); }\n',
    );
    expect((await here.run(["--", program])).stdout).toBe("thread 3\n");
  });
});

describe("allowed", () => {
  withCompiler("what takes no privilege: getpid, personality(0)", async () => {
    expect(await answer([NR.getpid])).toBe("ok");
    expect(await answer([NR.personality, 0])).toBe("ok");
  });

  withCompiler("mount and its kin with CAP_SYS_ADMIN reach the kernel, chroot with CAP_SYS_CHROOT", async () => {
    const EFAULT = "14";
    expect(await answer([NR.mount, 0, 1, 0, 0, 0], ["--user", "0:0", "--cap-add", "SYS_ADMIN"])).toBe(EFAULT);
    expect(await answer([NR.chroot, 0], ["--user", "0:0"])).toBe(EFAULT);
    expect(await answer([NR.chroot, 0], ["--user", "0:0", "--cap-drop", "SYS_CHROOT"])).toBe(EPERM);
  });
});

describe("the terminal's back doors", () => {
  const TIOCSTI = "0x5412";
  const TIOCLINUX = "0x541c";
  const TIOCGWINSZ = "0x5413";
  const ENOTTY = "25";

  for (const [name, request] of [
    ["TIOCSTI", TIOCSTI],
    ["TIOCLINUX", TIOCLINUX],
  ] as const) {
    withCompiler(`${name} is denied`, async () => {
      expect(await answer([NR.ioctl, 0, request, 0])).toBe(EPERM);
      expect(await answer([NR.ioctl, 0, request, 0], ["--cap-add", "ALL"])).toBe(EPERM);
    });

    withCompiler(
      `${name} with any of the 32 upper bits set, which the kernel does not look at, is denied too`,
      async () => {
        for (const high of ["1", "80000000", "ffffffff", "5412"])
          expect(await answer([NR.ioctl, 0, `0x${high}0000${request.slice(2)}`, 0])).toBe(EPERM);
      },
    );
  }

  withCompiler("another request on what is no terminal gets the kernel's own answer", async () => {
    expect(await answer([NR.ioctl, 0, TIOCGWINSZ, 0])).toBe(ENOTTY);
  });
});

describe("other ways into the kernel", () => {
  // int $0x80 has the numbers of i386; bit 30 of a number makes it one of x32.
  const INT80 = `
#include <stdio.h>
#include <stdlib.h>
int main(int n, char **v) {
  long r;
  __asm__ volatile("int $0x80" : "=a"(r) : "a"(strtol(v[1], 0, 0)), "b"(strtol(n > 2 ? v[2] : "0", 0, 0)), "c"(strtol(n > 3 ? v[3] : "0", 0, 0)), "d"(0) : "memory", "r8", "r9", "r10", "r11");
  printf("%ld\\n", r >= 0 ? 0 : -r);
}`;

  onX64("the 32-bit entry is filtered by its own numbers: unshare, mount, keyctl, TIOCSTI", async () => {
    const program = await cProgram(here, "int80", INT80);
    const via32 = async (...words: readonly (number | string)[]): Promise<string> =>
      (await here.run(["--", program, ...words.map(String)])).stdout.trim();
    const i386 = { getpid: 20, mount: 21, ioctl: 54, unshare: 310, keyctl: 288, clone3: 435 };
    expect(await via32(i386.getpid)).toBeOneOf(["0", ENOSYS]);
    for (const words of [
      [i386.unshare, 0x10000000],
      [i386.mount, 0],
      [i386.keyctl, 0],
      [i386.ioctl, 0, "0x5412"],
    ])
      expect(await via32(...words)).toBe(EPERM);
    expect(await via32(i386.clone3)).toBe(ENOSYS);
  });

  onX64("x32 numbers are no way around", async () => {
    for (const name of ["unshare", "mount", "keyctl"] as const)
      expect(await answer([NR[name] + 0x40000000, 0x10000000])).toBeOneOf([EPERM, ENOSYS]);
  });
});

describe("--seccomp", () => {
  const profile = (name: string, content: object): string => here.file(name, JSON.stringify(content));
  const architectures = [X64 ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64"];

  test("FILE in the OCI form: default action and rules with errnos", async () => {
    const path = profile("oci.json", {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures,
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
    });
    const { code, stderr } = await here.run(["--seccomp", path, "--", "mkdir", "x"]);
    expect(code).toBe(1);
    expect(stderr).toContain("No space left on device");
    expect(await here.inside("touch y && echo made", ["--seccomp", path])).toBe("made\n");
  });

  test("FILE in Docker's form: archMap, and rules that depend on capabilities", async () => {
    const path = profile("docker.json", {
      defaultAction: "SCMP_ACT_ALLOW",
      archMap: [
        { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
        { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
      ],
      syscalls: [
        { names: ["unshare", "clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 1, excludes: { caps: ["CAP_SYS_ADMIN"] } },
        { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28, includes: { caps: ["CAP_SYS_ADMIN"] } },
      ],
    });
    const script =
      "mkdir made 2>&1 | grep -o 'No space.*'; rm -rf made; unshare -U true 2>&1 | grep -o 'not permitted' || echo permitted";
    expect(await here.inside(script, ["--seccomp", path])).toBe("not permitted\n");
    expect(await here.inside(script, ["--seccomp", path, "--cap-add", "SYS_ADMIN"])).toBe(
      "No space left on device\npermitted\n",
    );
  });

  test("a profile that denies the start of PID 1 is an error that names the profile and what it must allow", async () => {
    const path = profile("deny.json", {
      defaultAction: "SCMP_ACT_ERRNO",
      architectures,
      syscalls: [{ names: ["write", "close", "exit_group"], action: "SCMP_ACT_ALLOW" }],
    });
    const { code, stderr } = await here.run(["--seccomp", path, "--", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain(path);
    expect(stderr).toContain("execveat");
  });

  test.each([
    ["by errors", "SCMP_ACT_ERRNO"],
    ["by killing", "SCMP_ACT_KILL_PROCESS"],
  ])("one that denies everything, %s, ends at once: nothing spins", async (_, defaultAction) => {
    const path = profile("nothing.json", { defaultAction, architectures });
    expect((await here.run(["--seccomp", path, "--", "true"])).code).not.toBe(0);
  });

  test("one that denies PID 1 its waiting ends too", async () => {
    const path = profile("no-wait.json", {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures,
      syscalls: [{ names: ["rt_sigtimedwait"], action: "SCMP_ACT_ERRNO" }],
    });
    expect((await here.run(["--seccomp", path, "--", "sleep", "1000"])).code).toBe(125);
  });

  withCompiler("a rule on an argument holds for that argument", async () => {
    const path = profile("args.json", {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures,
      syscalls: [
        {
          names: ["personality"],
          action: "SCMP_ACT_ERRNO",
          errnoRet: 99,
          args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }],
        },
      ],
    });
    expect(await answer([NR.personality, 8], ["--seccomp", path])).toBe("99");
    expect(await answer([NR.personality, 0], ["--seccomp", path])).toBe("ok");
  });

  withCompiler("SCMP_ACT_KILL_PROCESS ends the command by SIGSYS", async () => {
    const path = profile("kill.json", {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures,
      syscalls: [{ names: ["personality"], action: "SCMP_ACT_KILL_PROCESS" }],
    });
    const { code } = await here.run(["--seccomp", path, "--ulimit", "core=0", "--", call, String(NR.personality), "0"]);
    expect(code).toBe(128 + 31);
  });

  withCompiler("unconfined lets a user namespace be made inside", async () => {
    expect((await here.run(["--seccomp", "unconfined", "--", "unshare", "-U", "true"])).code).toBe(0);
  });

  test.each([
    ["not JSON", "{", "JSON"],
    ["empty", "", "JSON"],
    ["not an object", "[]", "object"],
    ["without a default action", "{}", "defaultAction"],
    ["with an unknown action", '{"defaultAction":"SCMP_ACT_NO"}', "SCMP_ACT_NO"],
    [
      "with an unknown operator",
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":0,"op":"NO"}]}]}',
      "NO",
    ],
    [
      "with an argument out of range",
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}]}',
      "6",
    ],
  ])("a profile %s is an error that names the file and the place", async (_, text, word) => {
    const path = here.file("bad.json", text);
    const { code, stderr, stdout } = await here.run(["--seccomp", path, "--", "echo", "ran"]);
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toContain(path);
    expect(stderr).toContain(word);
  });

  test("a profile that is not there, or is a folder, is an error that names it", async () => {
    for (const path of ["/no/such.json", here.dir]) {
      const { code, stderr } = await here.run(["--seccomp", path, "--", "true"]);
      expect(code).toBe(125);
      expect(stderr).toContain(path);
    }
  });
});

describe("a sandbox in a sandbox", () => {
  const all = { defaultAction: "SCMP_ACT_ALLOW", architectures: [X64 ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64"] };
  const nested = ["--proc", "bind", "--net", "none", "--", "sh", "-c", "echo inner $$; readlink /proc/self/ns/user"];

  test("works where the outer one's filter lets it", async () => {
    const outer = ["--seccomp", "unconfined", "-v", `${SANDBOX}:/run/sandbox:ro`];
    const both = ["sh", "-c", 'readlink /proc/self/ns/user; exec "$@"', "sh", "/run/sandbox", "run", ...nested];
    const { code, stdout, stderr } = await here.run([...outer, "--", ...both]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [outerUser = "", first, innerUser = ""] = stdout.split("\n");
    expect(first).toStartWith("inner ");
    for (const name of [outerUser, innerUser]) expect(name).toStartWith("user:[");
    expect(innerUser).not.toBe(outerUser);
  });

  test("works where clone3 is ENOSYS, by clone", async () => {
    const path = here.file(
      "no-clone3.json",
      JSON.stringify({ ...all, syscalls: [{ names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 }] }),
    );
    const { code, stdout, stderr } = await here.run([
      "--seccomp",
      path,
      "-v",
      `${SANDBOX}:/run/sandbox:ro`,
      "--",
      "/run/sandbox",
      "run",
      ...nested,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toStartWith("inner ");
  });

  withTun("has a network of its own where it gets the device for one", async () => {
    const outer = ["--seccomp", "unconfined", "-v", `${SANDBOX}:/run/sandbox:ro`];
    const inner = ["/run/sandbox", "run", "--proc", "bind", "--", "cat", "/sys/class/net/tap0/mtu"];
    expect((await here.run([...outer, "--device", "/dev/net/tun", "--", ...inner])).stdout).toBe("65520\n");
    const { code, stderr } = await here.run([...outer, "--", ...inner]);
    expect(code).toBe(125);
    expect(stderr).toContain("/dev/net/tun): this system has no such device");
    expect(stderr).toContain("start that with --device /dev/net/tun");
    expect(stderr).toContain("--net none");
  });

  test("where the filter denies user namespaces, the error says that an outer sandbox does", async () => {
    const { code, stderr } = await here.run([
      "-v",
      `${SANDBOX}:/run/sandbox:ro`,
      "--",
      "/run/sandbox",
      "run",
      ...nested,
    ]);
    expect(code).toBe(125);
    expect(stderr).toMatch(/user namespace/);
    expect(stderr).toMatch(/seccomp|container|sandbox/);
  });
});
