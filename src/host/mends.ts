// What each problem means and how it is mended, in one table, so that `sandbox doctor` and a failed `sandbox run` say the same.
// `meaning` is one sentence for whoever has never heard of it; `mend` is what to type.
import { installProfile } from "./apparmor_profile.ts";
import type { ContainerKind } from "./container.ts";
import type { OsFamily } from "./os_release.ts";

export type Mend = { readonly meaning: string; readonly mend: string };

/** What the texts depend on. */
export type MendContext = {
  readonly executable: string;
  readonly uid: number;
  readonly userName?: string;
  readonly container?: ContainerKind;
  readonly os?: OsFamily;
  /** The AppArmor profile that confines us. */
  readonly label?: string;
  /** A profile for our executable that is on disk already. */
  readonly profileFile?: string;
  readonly procMasks?: readonly string[];
  /** Names of sysctls of namespaces(7) that are 0. */
  readonly zeroLimits?: readonly string[];
  /** First id of a free range of subordinate ids. */
  readonly freeStart?: number;
  readonly helper?: string;
  readonly path?: string;
};

type Entry = (context: MendContext) => Mend;

const fixed =
  (meaning: string, mend: string): Entry =>
  () => ({ meaning, mend });

/** Sets a sysctl now and at every boot. */
const sysctl = (name: string, value: number): string =>
  `sudo sysctl -w ${name}=${value}\necho ${name}=${value} | sudo tee -a /etc/sysctl.d/60-sandbox.conf   # keeps it after a reboot`;

const PACKAGES: Readonly<Record<OsFamily, string>> = {
  debian: "sudo apt-get install uidmap",
  fedora: "sudo dnf install shadow-utils",
  arch: "sudo pacman -S shadow",
  suse: "sudo zypper install shadow",
  alpine: "sudo apk add shadow-uidmap",
  nixos: "set `security.shadow.enable = true;` in configuration.nix, then nixos-rebuild switch",
  other: "install the package that has newuidmap (`uidmap` or `shadow`)",
};

const CONTAINER_OPTIONS: Readonly<Partial<Record<ContainerKind, string>>> = {
  docker: "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined ...",
  podman: "podman run --security-opt seccomp=unconfined --security-opt apparmor=unconfined ...",
  kubernetes: "in the pod: securityContext: {seccompProfile: {type: Unconfined}, appArmorProfile: {type: Unconfined}}",
  lxc: "lxc config set NAME security.nesting=true   (LXD, Incus; Proxmox: features: nesting=1)",
};

const UNMASK: Readonly<Partial<Record<ContainerKind, string>>> = {
  docker: "docker run --security-opt systempaths=unconfined ...",
  podman: "podman run --security-opt unmask=ALL ...",
  kubernetes: "in the pod: hostUsers: false and securityContext: {procMount: Unmasked}",
  lxc: "lxc config set NAME security.nesting=true   (LXD, Incus; Proxmox: features: nesting=1)",
};

const TUN_OPTIONS: Readonly<Partial<Record<ContainerKind, string>>> = {
  docker: "docker run --device /dev/net/tun ...",
  podman: "podman run --device /dev/net/tun ...",
  kubernetes: "give the pod the device /dev/net/tun (a device plugin, or a hostPath volume of type CharDevice)",
  lxc: "lxc config device add NAME tun unix-char path=/dev/net/tun",
  "systemd-nspawn": "systemd-nspawn --bind=/dev/net/tun --property=DeviceAllow='/dev/net/tun rw' ...",
};

const outside = (table: Readonly<Partial<Record<ContainerKind, string>>>, kind: ContainerKind | undefined): string =>
  (kind && table[kind]) ?? "start the outer container with fewer restrictions";

const account = ({ userName, uid }: MendContext): string => userName ?? String(uid);

function addRanges(context: MendContext): string {
  const [name, first] = [account(context), context.freeStart ?? 100_000];
  const last = first + 65_535;
  if (context.os === "nixos")
    return `set \`users.users.${name}.autoSubUidGidRange = true;\`, then nixos-rebuild switch`;
  if (context.os === "alpine" || context.userName === undefined)
    return `echo ${name}:${first}:65536 | sudo tee -a /etc/subuid /etc/subgid`;
  return `sudo usermod --add-subuids ${first}-${last} --add-subgids ${first}-${last} ${name}`;
}

const PROBLEMS = {
  "kernel-too-old": fixed(
    "sandbox needs Linux 5.12 or newer: mount_setattr(2), with which a whole tree becomes read-only, came with it.",
    "boot a newer kernel: Debian 12, Ubuntu 22.04, RHEL 9, Fedora and Alpine of today have one",
  ),
  "machine-unknown": fixed("sandbox is built for x86_64 and aarch64 only.", "run it on one of these"),
  "userns-not-built": fixed(
    "This kernel was built without user namespaces (CONFIG_USER_NS).",
    "boot the distribution's standard kernel, or build one with CONFIG_USER_NS=y",
  ),
  "userns-clone-sysctl": () => ({
    meaning: "The administrator allows user namespaces to root only (kernel.unprivileged_userns_clone is 0).",
    mend: sysctl("kernel.unprivileged_userns_clone", 1),
  }),
  "namespaces-forbidden": ({ zeroLimits = [] }) => ({
    meaning: `No namespaces may be created here: ${zeroLimits.join(", ") || "a limit"} is 0 (namespaces(7)).`,
    mend: (zeroLimits.length > 0 ? zeroLimits : ["user.max_user_namespaces"])
      .map((name) => sysctl(name, 15_000))
      .join("\n"),
  }),
  "namespaces-exhausted": fixed(
    "The limit of namespaces is reached: either user.max_*_namespaces, here or in an outer namespace, or 32 user namespaces nested in each other (user_namespaces(7)).",
    "end sandboxes and containers that are not needed, or raise it: sudo sysctl -w user.max_user_namespaces=15000",
  ),
  "processes-exhausted": fixed(
    "No further process may be started: RLIMIT_NPROC of this user, or pids.max of this control group, is reached.",
    "end processes, or raise the limit: `ulimit -u` shows it, `systemctl --user set-property app.slice TasksMax=infinity` lifts the group's",
  ),
  "memory-exhausted": fixed(
    "The kernel had no memory for another process.",
    "free memory, or raise memory.max of this control group",
  ),
  "apparmor-userns": ({ executable, profileFile }) => ({
    meaning:
      "AppArmor takes all capabilities away from programs without a profile once they enter a user namespace (Ubuntu 23.10 and later, kernel.apparmor_restrict_unprivileged_userns is 1).",
    mend: profileFile
      ? `load the profile that is in place: sudo apparmor_parser -r ${profileFile}\nor lift the restriction for all programs: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`
      : `allow this one program, by a profile for its path:\n\n${installProfile(executable)}\n\nor lift the restriction for all programs:\n\n${sysctl("kernel.apparmor_restrict_unprivileged_userns", 0)}`,
  }),
  "apparmor-confined": ({ label = "a profile", container }) => ({
    meaning: `The AppArmor profile \`${label}\`, which this process runs under, does not allow it.`,
    mend: container
      ? `start the outer container without it: ${outside(CONTAINER_OPTIONS, container)}`
      : `add \`userns,\` \`mount,\` \`umount,\` \`pivot_root,\` and \`capability,\` to the profile, then sudo apparmor_parser -r its file`,
  }),
  "seccomp-container": ({ container }) => ({
    meaning: "The system call filter of the outer container refuses new namespaces.",
    mend: `start the outer container without it: ${outside(CONTAINER_OPTIONS, container)}`,
  }),
  "seccomp-filter": fixed(
    "A system call filter that this process was started with refuses it (Seccomp: 2 in /proc/self/status).",
    "start sandbox from outside of the program that set the filter; for a systemd unit: RestrictNamespaces=no and SystemCallFilter=@default @mount @process",
  ),
  selinux: fixed(
    "SELinux is enforcing, and most likely its policy does not allow this domain to create a user namespace or to mount.",
    "sudo ausearch -m avc -ts recent   # shows the denial; then sudo ausearch -m avc -ts recent | audit2allow -M sandbox && sudo semodule -i sandbox.pp",
  ),
  chroot: fixed(
    "This process is in a chroot, and the kernel creates no user namespace from there (clone(2), EPERM).",
    "enter the tree by mounts instead: systemd-nspawn -D TREE, or in a new mount namespace bind TREE onto itself and pivot_root into it",
  ),
  setfcap: fixed(
    "Root without CAP_SETFCAP may not map id 0 into a user namespace (user_namespaces(7), since Linux 5.12).",
    "keep that capability (docker, podman: --cap-add SETFCAP), or run sandbox as an ordinary user",
  ),
  landlocked: fixed(
    "A process in a Landlock domain may not mount anything, with whatever capabilities (landlock(7)); an outer sandbox may have put us in one.",
    "start sandbox from outside of that sandbox",
  ),
  "clone-invalid": fixed(
    "The kernel knows user namespaces and yet calls the request invalid: an emulator such as qemu-user does that, and so does a kernel that lacks one of the namespaces.",
    "run natively or in a full virtual machine; ls /proc/self/ns shows what the kernel has",
  ),
  "call-missing": fixed(
    "This kernel, or what plays one (gVisor, an emulator), does not have the system call.",
    "use a Linux kernel of 5.12 or newer",
  ),
  "proc-readonly": fixed(
    "/proc is read-only here, so the id maps cannot be written.",
    "mount it read-write in the outer container, or start that one with less protection of /proc",
  ),
  "proc-masked": ({ procMasks = [], container }) => ({
    meaning: `Parts of /proc are covered here${procMasks.length > 0 ? ` (${procMasks.slice(0, 3).join(", ")}${procMasks.length > 3 ? ", ..." : ""})` : ""}, and the kernel mounts no fresh /proc that would uncover them ("Mount too revealing").`,
    mend: container
      ? `start the outer container with all of /proc: ${outside(UNMASK, container)}`
      : "unmount what covers /proc: grep ' /proc/' /proc/self/mountinfo shows it; for a systemd unit: ProtectKernelTunables=no, ProtectKernelLogs=no, ProcSubset=all",
  }),
  "sysfs-refused": fixed(
    "A fresh /sys cannot be mounted: parts of it are covered in this outer container.",
    "sandboxes go without /sys, or start the outer container with all of it (--security-opt systempaths=unconfined, unmask=ALL)",
  ),
  "root-is-initramfs": fixed(
    "The root folder is the initial ramfs, which pivot_root(2) cannot replace.",
    "make it a mount first: mount --rbind / /mnt && cd /mnt && mount --move . / && chroot .",
  ),
  "pivot-invalid": fixed(
    "pivot_root(2) does not accept this root: it is no mount of its own, as in a chroot, or its parent is shared.",
    "run from a mount namespace whose / is a mount",
  ),
  "file-system-missing": fixed(
    "The kernel does not have this file system, and its module cannot be loaded.",
    "sudo modprobe overlay; if that fails, install the package of modules that belongs to the kernel (uname -r)",
  ),
  "helper-missing": ({ helper = "newuidmap", os = "other" }) => ({
    meaning: `${helper}, the system's own tool that maps more than one id, is not installed. Without it a sandbox has a single user.`,
    mend: PACKAGES[os],
  }),
  "helper-not-executable": ({ path = "newuidmap" }) => ({
    meaning: `${path} may not be executed by this user.`,
    mend: `sudo chmod 4755 ${path}`,
  }),
  "helper-no-privilege": ({ path = "newuidmap", helper }) => ({
    meaning: `${path} has lost its privilege: it is neither setuid root nor has it a file capability (image builders and file copies drop these).`,
    mend: `sudo setcap cap_set${helper === "newgidmap" ? "g" : "u"}id+ep ${path}   # or: sudo chown root ${path} && sudo chmod 4755 ${path}`,
  }),
  "helper-owner-not-root": ({ path = "newuidmap" }) => ({
    meaning: `${path} is setuid, and not root's.`,
    mend: `sudo chown root ${path} && sudo chmod 4755 ${path}`,
  }),
  "helper-nosuid": ({ path = "newuidmap" }) => ({
    meaning: `${path} lies on a file system that is mounted nosuid, which takes its privilege away.`,
    mend: `sudo mount -o remount,suid "$(df --output=target ${path} | tail -1)"`,
  }),
  "helper-no-new-privs": fixed(
    "This process may gain no privileges (no_new_privs is set), so newuidmap and newgidmap do nothing.",
    "start from a process without it: docker without --security-opt no-new-privileges, Kubernetes with allowPrivilegeEscalation: true, systemd with NoNewPrivileges=no",
  ),
  "helper-bounding-set": fixed(
    "The capabilities CAP_SETUID and CAP_SETGID were removed from this process's bounding set, so newuidmap and newgidmap do nothing.",
    "keep them in the outer container: --cap-add SETUID --cap-add SETGID",
  ),
  "range-refused": ({ helper = "newuidmap and newgidmap" }) => ({
    meaning: `${helper} are in place and still refused to map this user's range.`,
    mend: "newuidmap says why: unshare --user sleep 60 & newuidmap $! 0 $(id -u) 1 1 START COUNT, with START and COUNT from /etc/subuid",
  }),
  "subids-missing": (context) => ({
    meaning:
      "This user has no subordinate ids, so a sandbox has a single user: packages that switch users, such as apt and postgres, fail in it.",
    mend: addRanges(context),
  }),
  "subids-short": (context) => ({
    meaning: "This user's ranges are shorter than 65536 ids: images with a user `nobody` (65534) do not fit.",
    mend: addRanges(context),
  }),
  "subids-overlap": fixed(
    "Ranges in /etc/subuid or /etc/subgid overlap: users who share ids can touch each other's files, and the kernel refuses a map with the same id twice.",
    "give every user ranges of their own: sudoedit /etc/subuid /etc/subgid",
  ),
  "subids-service-empty": (context) => ({
    meaning:
      "nsswitch.conf sends the question for subordinate ids to a directory service, and it has none for this user.",
    mend: `ask its administrator, or remove the line \`subid:\` from /etc/nsswitch.conf and run: ${addRanges(context)}`,
  }),
  "overlay-missing": fixed(
    "The kernel has no overlay file system: a root file system is shared or copied, not copy-on-write.",
    "sudo modprobe overlay && echo overlay | sudo tee /etc/modules-load.d/overlay.conf",
  ),
  "overlay-upper-unfit": ({ path = "the store's folder" }) => ({
    meaning: `The file system of ${path} cannot hold the upper layer of an overlay: network file systems, FUSE and overlay itself cannot.`,
    mend: "put the store on ext4, xfs, btrfs or tmpfs: set XDG_DATA_HOME to a folder there",
  }),
  "overlay-writes-fail": ({ path = "a tmpfs" }) => ({
    meaning: `An overlay on ${path} mounts, but deleting or replacing what lies below fails: the file system lacks user.* attributes (tmpfs has them since Linux 6.6) or whiteouts.`,
    mend: "keep changes in a folder on ext4, xfs or btrfs, or use a kernel of 6.6 or newer",
  }),
  "tun-missing": ({ container }) => ({
    meaning: "/dev/net/tun does not exist. A network of its own reaches a sandbox through it.",
    mend: container
      ? outside(TUN_OPTIONS, container)
      : "sudo modprobe tun && echo tun | sudo tee /etc/modules-load.d/tun.conf\nif the module is in the kernel and the node is not: sudo mkdir -p /dev/net && sudo mknod -m 666 /dev/net/tun c 10 200",
  }),
  "tun-no-driver": fixed(
    "/dev/net/tun exists, and the kernel has no driver behind it.",
    "sudo modprobe tun; if that fails, install the package of modules that belongs to the kernel (uname -r), outside of any container",
  ),
  "tun-denied": ({ container }) => ({
    meaning: "/dev/net/tun may not be opened by this user.",
    mend: container
      ? outside(TUN_OPTIONS, container)
      : "sudo chmod 666 /dev/net/tun   # udev's default: opening it gives no rights on the machine's own network",
  }),
  "fuse-missing": ({ container }) => ({
    meaning: "/dev/fuse cannot be used: no FUSE file systems in a sandbox.",
    mend: container
      ? "give the outer container the device: --device /dev/fuse"
      : "sudo modprobe fuse; sudo chmod 666 /dev/fuse",
  }),
  "cgroup-legacy": ({ os, container }) => ({
    meaning:
      "The controllers are in version 1 of control groups, which cannot be handed to a user safely: limits of memory, CPU and processes need version 2.",
    mend: container
      ? "boot the machine outside with version 2: systemd.unified_cgroup_hierarchy=1 on its kernel command line"
      : os === "alpine"
        ? 'set rc_cgroup_mode="unified" in /etc/rc.conf and reboot'
        : "boot with systemd.unified_cgroup_hierarchy=1 on the kernel command line; without systemd: cgroup_no_v1=all, and cgroup2 mounted on /sys/fs/cgroup",
  }),
  "cgroup-none": fixed(
    "No control groups are mounted, so there are no limits of memory, CPU and processes.",
    "sudo mount -t cgroup2 none /sys/fs/cgroup",
  ),
  "cgroup-no-session": (context) => ({
    meaning:
      "There is no systemd user session to ask for a control group: login by su, cron or a batch system makes none.",
    mend: `sudo loginctl enable-linger ${account(context)}\nand then log in by ssh or: machinectl shell ${account(context)}@; the package dbus-user-session must be installed`,
  }),
  "cgroup-environment": ({ uid }) => ({
    meaning: "A systemd user session is running; only the environment does not say where.",
    mend: `export XDG_RUNTIME_DIR=/run/user/${uid}`,
  }),
  "cgroup-not-delegated": ({ container }) => ({
    meaning: "This control group is not ours to divide, so there are no limits of memory, CPU and processes.",
    mend: container
      ? "start the outer container with a writable control group of its own: --cgroupns=private and, for docker, -v /sys/fs/cgroup:/sys/fs/cgroup:rw"
      : "as root, make a group and hand it over: mkdir /sys/fs/cgroup/sandbox && chown -R USER /sys/fs/cgroup/sandbox, then start from a shell that was moved into it",
  }),
  "cgroup-controllers": fixed(
    "systemd does not hand all controllers down to users; limits of the missing kinds cannot be set.",
    "sudo mkdir -p /etc/systemd/system/user@.service.d\nprintf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf\nsudo systemctl daemon-reload   # then log out and in again",
  ),
  "seccomp-missing": fixed(
    "The kernel has no seccomp filters (CONFIG_SECCOMP_FILTER), the default protection of every sandbox.",
    "boot the distribution's standard kernel",
  ),
  "landlock-missing": fixed(
    "The kernel does not offer Landlock: path rules on top of the mounts are not available.",
    "boot with lsm=landlock,... (cat /sys/kernel/security/lsm shows the list to extend), on Linux 5.13 or newer",
  ),
  "memfd-noexec": () => ({
    meaning:
      "vm.memfd_noexec is 2: nothing may be executed from memory, and PID 1 of a sandbox is, so that it leads to no file of yours.",
    mend: sysctl("vm.memfd_noexec", 1),
  }),
  "no-descriptors": fixed("Very few files may be open at a time (RLIMIT_NOFILE).", "ulimit -n 1024"),
  "no-processes": fixed("Very few processes may run for this user (RLIMIT_NPROC).", "ulimit -u 4096"),
  "refused-unknown": fixed(
    "The kernel refused, and nothing that is known to forbid it was found.",
    "sandbox doctor shows all that was looked at; sudo dmesg | tail and sudo journalctl -k show a security module's denial",
  ),
} satisfies Readonly<Record<string, Entry>>;

export type ProblemId = keyof typeof PROBLEMS;
export const PROBLEM_IDS = Object.keys(PROBLEMS) as readonly ProblemId[];

export function problem(id: ProblemId, context: MendContext): Mend {
  return PROBLEMS[id](context);
}
