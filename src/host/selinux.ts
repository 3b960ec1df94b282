// SELinux, selinux(8): whether it enforces, and as what it sees us.
import { readHostFile } from "./read_host_file.ts";

export type SELinux = { readonly state: "absent" | "permissive" | "enforcing"; readonly context?: string };

export function readSELinux(): SELinux {
  return decideSELinux(readHostFile("/sys/fs/selinux/enforce"), readHostFile("/proc/self/attr/current"));
}

/** `enforce` is the text of /sys/fs/selinux/enforce, which exists where the policy is loaded. */
export function decideSELinux(enforce: string | undefined, current: string | undefined): SELinux {
  if (enforce === undefined) return { state: "absent" };
  const context = current?.replace(/\0/g, "").trim();
  return { state: enforce.trim() === "1" ? "enforcing" : "permissive", ...(context && { context }) };
}
