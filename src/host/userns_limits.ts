// The switches and counters that decide whether an unprivileged process may create namespaces: namespaces(7), "The
// /proc/sys/user directory", and Debian's kernel.unprivileged_userns_clone.
import { exists, readHostNumber } from "./read_host_file.ts";

export const NAMESPACE_COUNTERS = ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup", "time"] as const;
export type NamespaceCounter = (typeof NAMESPACE_COUNTERS)[number];

export type UsernsLimits = {
  /** /proc/self/ns/user exists: the kernel was built with CONFIG_USER_NS. */
  readonly compiledIn: boolean;
  /** /proc/sys/user/max_*_namespaces, a limit per user and namespace; those that could be read. */
  readonly max: Readonly<Partial<Record<NamespaceCounter, number>>>;
  /** kernel.unprivileged_userns_clone, absent on kernels without Debian's patch. */
  readonly unprivilegedClone?: boolean;
};

export function readUsernsLimits(): UsernsLimits {
  const unprivilegedClone = readHostNumber("/proc/sys/kernel/unprivileged_userns_clone");
  return {
    compiledIn: exists("/proc/self/ns/user"),
    max: Object.fromEntries(NAMESPACE_COUNTERS.flatMap(readCounter)),
    ...(unprivilegedClone === undefined ? {} : { unprivilegedClone: unprivilegedClone !== 0 }),
  };
}

function readCounter(name: NamespaceCounter): [NamespaceCounter, number][] {
  const value = readHostNumber(`/proc/sys/user/max_${name}_namespaces`);
  return value === undefined ? [] : [[name, value]];
}
