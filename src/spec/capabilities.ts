// Capability names and numbers, capabilities(7) and linux/capability.h.

export const CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;

export type CapabilityName = (typeof CAPABILITIES)[number];

/** What root inside a container has by Docker's default (docker run reference, "Runtime privilege and Linux capabilities"). */
export const ROOT_CAPABILITIES: readonly CapabilityName[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

/** `NET_ADMIN`, `cap_net_admin` and `CAP_NET_ADMIN` are one; `undefined` for no capability. */
export function capabilityName(text: string): CapabilityName | undefined {
  const upper = text.toUpperCase();
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  return CAPABILITIES.find((capability) => capability === name);
}

/** The default set with `add` and `drop` applied; `ALL` in either stands for every capability. Drops win over a default, adds over `drop ALL`. */
export function capabilitySet(
  defaults: readonly CapabilityName[],
  add: readonly (CapabilityName | "ALL")[],
  drop: readonly (CapabilityName | "ALL")[],
): readonly CapabilityName[] {
  const base = drop.includes("ALL") ? [] : add.includes("ALL") ? CAPABILITIES : defaults;
  const kept = base.filter((name) => !drop.includes(name));
  const added = add.filter((name): name is CapabilityName => name !== "ALL" && !kept.includes(name));
  return [...kept, ...added];
}

/** The set as the 64-bit mask that capset(2) takes in two halves: [low, high]. */
export function capabilityMask(names: readonly CapabilityName[]): readonly [number, number] {
  let low = 0;
  let high = 0;
  for (const name of names) {
    const bit = CAPABILITIES.indexOf(name);
    if (bit < 32) low |= 1 << bit;
    else high |= 1 << (bit - 32);
  }
  return [low >>> 0, high >>> 0];
}
