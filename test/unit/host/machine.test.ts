import { describe, expect, test } from "bun:test";
import { busPath, cgroupFolder, cgroupMode, parseCgroup } from "../../../src/host/cgroup.ts";
import { type ContainerEvidence, decideContainer } from "../../../src/host/container.ts";
import { decideDevice } from "../../../src/host/devices.ts";
import { parseFilesystems } from "../../../src/host/filesystems.ts";
import { atLeast, MINIMUM_KERNEL, parseKernel } from "../../../src/host/kernel.ts";
import { decideLandlock, parseActions } from "../../../src/host/lockdown.ts";
import { decideModule } from "../../../src/host/modules.ts";
import { parseMountInfo, procMasks, rootMount } from "../../../src/host/mount_info.ts";
import { parseOsRelease } from "../../../src/host/os_release.ts";
import { CAP, hasCapability, parseProcessStatus } from "../../../src/host/process_status.ts";
import { parseNumber } from "../../../src/host/read_host_file.ts";
import { decideSELinux } from "../../../src/host/selinux.ts";
import { MOUNTINFO, OS_RELEASE, STATUS } from "./texts.ts";

test.each([
  ["5.11.22-1-lts", false],
  ["5.12.0", true],
  ["4.18.0-553.el8_10.x86_64", false],
  ["5.14.0-427.el9.x86_64", true],
  ["6.6.36.3-microsoft-standard-WSL2", true],
  ["10.0-rc1", true],
  ["", false],
])("kernel %p is new enough: %p", (release, enough) => {
  expect(atLeast(parseKernel(release, "x86_64"), MINIMUM_KERNEL)).toBe(enough);
});

test.each([
  ["debian", "debian"],
  ["ubuntu", "debian"],
  ["mint", "debian"],
  ["fedora", "fedora"],
  ["rocky", "fedora"],
  ["nixos", "nixos"],
  ["alpine", "alpine"],
] as const)("os-release of %s is of the family %s", (name, family) => {
  expect(parseOsRelease(OS_RELEASE[name]).family).toBe(family);
});

test("an unknown distribution is of no family, whatever it is called", () => {
  expect(parseOsRelease("ID=constructor\n").family).toBe("other");
  expect(parseOsRelease("").prettyName).toBe("an unnamed Linux");
});

test("a sysctl's number is a decimal integer and nothing else", () => {
  expect(parseNumber("0\n")).toBe(0);
  expect(parseNumber("-1\n")).toBe(-1);
  for (const text of ["", "max", "1 2", undefined]) expect(parseNumber(text)).toBeUndefined();
});

describe("mountinfo", () => {
  test("escaped names are read, optional fields are passed over", () => {
    const stick = parseMountInfo(MOUNTINFO.debian).find(({ fsType }) => fsType === "vfat");
    expect(stick?.mountPoint).toBe("/media/USB stick");
    expect(stick?.source).toBe("/dev/sdb1");
  });
  test("binfmt_misc hides nothing of /proc, docker's masks do", () => {
    expect(procMasks(parseMountInfo(MOUNTINFO.debian))).toEqual([]);
    expect(procMasks(parseMountInfo(MOUNTINFO.docker))).toEqual([
      "/proc/bus",
      "/proc/sys",
      "/proc/kcore",
      "/proc/keys",
    ]);
  });
  test("the root tells an ordinary machine, an initramfs and a chroot apart", () => {
    expect(rootMount(parseMountInfo(MOUNTINFO.debian))).toEqual({ kind: "mount", fsType: "ext4" });
    expect(rootMount(parseMountInfo(MOUNTINFO.docker))).toEqual({ kind: "mount", fsType: "overlay" });
    expect(rootMount(parseMountInfo(MOUNTINFO.initramfs))).toEqual({ kind: "initramfs" });
    expect(rootMount(parseMountInfo(MOUNTINFO.chroot))).toEqual({ kind: "chroot" });
    expect(rootMount([])).toBeUndefined();
  });
});

describe("control groups", () => {
  test.each([
    ["debian", "unified"],
    ["docker", "unified"],
    ["alpine", "unified"],
    ["hybrid", "hybrid"],
    ["legacy", "legacy"],
    ["initramfs", "none"],
  ] as const)("the hierarchy of %s is %s", (name, mode) => {
    expect(cgroupMode(parseMountInfo(MOUNTINFO[name]))).toBe(mode);
  });
  test("the own group's folder lies below the mount, in a hybrid tree too", () => {
    const path = "/user.slice/user-1000.slice/session-2.scope";
    expect(cgroupFolder(parseMountInfo(MOUNTINFO.debian), path)).toBe(`/sys/fs/cgroup${path}`);
    expect(cgroupFolder(parseMountInfo(MOUNTINFO.hybrid), "/")).toBe("/sys/fs/cgroup/unified");
  });
  test("a mount that begins at a group of its own is taken into account", () => {
    const mounts = parseMountInfo("9 1 0:9 /lxc/c1 /sys/fs/cgroup rw - cgroup2 cgroup rw\n");
    expect(cgroupFolder(mounts, "/lxc/c1/init")).toBe("/sys/fs/cgroup/init");
    expect(cgroupFolder(mounts, "/lxc/c1")).toBe("/sys/fs/cgroup");
    expect(cgroupFolder(mounts, "/lxc/c10")).toBeUndefined();
  });
  test("a group outside of the cgroup namespace has no folder", () => {
    expect(cgroupFolder(parseMountInfo(MOUNTINFO.debian), "/../../system.slice")).toBeUndefined();
  });
  test("/proc/self/cgroup names the version 2 path and the version 1 controllers", () => {
    const own = parseCgroup("9:name=systemd:/\n8:cpu,cpuacct:/x\n4:memory:/a:b\n0::/user.slice\n");
    expect(own).toEqual({ unified: "/user.slice", legacy: ["cpu", "cpuacct", "memory"] });
  });
  test("the bus is where its address says, else in the runtime folder", () => {
    expect(busPath({ DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/a%20b,guid=1", XDG_RUNTIME_DIR: "/run/user/1" })).toBe(
      "/run/a b",
    );
    expect(busPath({ DBUS_SESSION_BUS_ADDRESS: "unix:guid=1,path=/x" })).toBe("/x");
    expect(busPath({ XDG_RUNTIME_DIR: "/run/user/1" })).toBe("/run/user/1/bus");
    expect(busPath({})).toBeUndefined();
  });
});

describe("process status", () => {
  test("an ordinary user holds nothing and is bounded by nothing", () => {
    const status = parseProcessStatus(STATUS.user);
    expect(status).toEqual({ noNewPrivs: false, seccompFiltered: false, effective: 0n, bounding: 0x1ffffffffffn });
  });
  test("docker's root has no CAP_SYS_ADMIN, and a filter", () => {
    const { effective, seccompFiltered } = parseProcessStatus(STATUS.dockerRoot);
    expect(hasCapability(effective, CAP.CAP_SYS_ADMIN)).toBe(false);
    expect(hasCapability(effective, CAP.CAP_SETUID)).toBe(true);
    expect(seccompFiltered).toBe(true);
  });
  test("a restricted pod has no_new_privs", () => {
    expect(parseProcessStatus(STATUS.restrictedPod).noNewPrivs).toBe(true);
  });
});

describe("outer container", () => {
  const machine: ContainerEvidence = {
    namespaces: {
      user: "user:[4026531837]",
      pid: "pid:[4026531836]",
      uts: "uts:[4026531838]",
      ipc: "ipc:[4026531839]",
    },
    dockerenv: false,
    containerenv: false,
    manager: undefined,
    kubernetes: false,
    kernelRelease: "6.1.0-18-amd64",
  };
  const inside = { ...machine, namespaces: { ...machine.namespaces, pid: "pid:[4026532281]" } };
  test("the machine itself is none", () => {
    expect(decideContainer(machine)).toEqual({ userNamespace: false });
  });
  test("a machine that was started from a container's image is none either", () => {
    expect(decideContainer({ ...machine, dockerenv: true })).toEqual({ userNamespace: false });
  });
  test.each([
    [{ dockerenv: true }, "docker"],
    [{ containerenv: true }, "podman"],
    [{ kubernetes: true, dockerenv: true }, "kubernetes"],
    [{ manager: "lxc" }, "lxc"],
    [{ manager: "systemd-nspawn" }, "systemd-nspawn"],
    [{}, "unknown"],
  ] as const)("%p in a pid namespace is %s", (marks, kind) => {
    expect(decideContainer({ ...inside, ...marks }).kind).toBe(kind);
  });
  test("rootless podman is in a user namespace", () => {
    const namespaces = { ...inside.namespaces, user: "user:[4026532500]" };
    expect(decideContainer({ ...inside, namespaces, containerenv: true })).toEqual({
      userNamespace: true,
      kind: "podman",
    });
  });
  test("WSL tells by its kernel", () => {
    expect(decideContainer({ ...machine, kernelRelease: "5.15.153.1-microsoft-standard-WSL2" }).kind).toBe("wsl");
  });
});

describe("devices and modules", () => {
  const dep =
    "kernel/fs/overlayfs/overlay.ko.zst: kernel/x.ko.zst\nkernel/drivers/net/tun.ko:\nkernel/sound/snd-pcm.ko.xz:\n";
  test.each([
    ["overlay", "loadable"],
    ["tun", "loadable"],
    ["snd_pcm", "loadable"],
    ["un", "absent"],
    ["fuse", "builtin"],
  ])("module %s is %s", (name, state) => {
    expect(decideModule(name, dep, "kernel/fs/fuse/fuse.ko\n")).toBe(state as ReturnType<typeof decideModule>);
  });
  test("without any list nothing is known", () => {
    expect(decideModule("tun", undefined, undefined)).toBe("unknown");
  });
  test("opening tells ready, missing, driverless and denied apart", () => {
    const module = () => "loadable" as const;
    expect(decideDevice(5, module)).toEqual({ kind: "ready" });
    expect(decideDevice(-2, module)).toEqual({ kind: "missing", module: "loadable" });
    expect(decideDevice(-19, module)).toEqual({ kind: "no-driver", module: "loadable" });
    expect(decideDevice(-13, module)).toEqual({ kind: "denied", errno: "EACCES" });
    expect(decideDevice(-1, module)).toEqual({ kind: "denied", errno: "EPERM" });
    expect(decideDevice(-24, module)).toEqual({ kind: "failed", errno: "EMFILE" });
  });
  test("/proc/filesystems lists types with and without a device", () => {
    expect([...parseFilesystems("nodev\tproc\n\text4\nnodev\toverlay\n")]).toEqual(["proc", "ext4", "overlay"]);
  });
  test("Landlock is an ABI, not built, or not enabled", () => {
    expect(decideLandlock(4)).toEqual({ kind: "abi", version: 4 });
    expect(decideLandlock(-38)).toEqual({ kind: "unavailable", why: "not-built" });
    expect(decideLandlock(-95)).toEqual({ kind: "unavailable", why: "not-enabled" });
  });
  test("seccomp actions are words", () => {
    expect(parseActions("kill_process errno allow\n")).toEqual(["kill_process", "errno", "allow"]);
    expect(parseActions(undefined)).toEqual([]);
  });
  test("SELinux enforces, permits, or is not there", () => {
    expect(decideSELinux("1", "unconfined_u:unconfined_r:unconfined_t:s0\0")).toEqual({
      state: "enforcing",
      context: "unconfined_u:unconfined_r:unconfined_t:s0",
    });
    expect(decideSELinux("0", undefined)).toEqual({ state: "permissive" });
    expect(decideSELinux(undefined, "unconfined")).toEqual({ state: "absent" });
  });
});
