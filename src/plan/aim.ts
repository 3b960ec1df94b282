// What a step of a plan is for. When it fails, this and the errno decide what is said (src/report/explain_failure.ts).
import type { MountType } from "../spec/spec.ts";

export type Aim =
  | { readonly kind: "release" }
  | { readonly kind: "map-ids"; readonly file: "setgroups" | "uid_map" | "gid_map" }
  | { readonly kind: "descriptors" }
  | { readonly kind: "cgroup" }
  | { readonly kind: "time" }
  | { readonly kind: "network" }
  | { readonly kind: "loopback" }
  | { readonly kind: "tap" }
  | { readonly kind: "interface" }
  | { readonly kind: "member"; readonly network: string }
  | { readonly kind: "hostname"; readonly name: string }
  | { readonly kind: "domainname"; readonly name: string }
  | { readonly kind: "root"; readonly what: "tmpfs" | "overlay" | "bind" | "pivot"; readonly path: string }
  | { readonly kind: "mount"; readonly type: MountType; readonly source: string; readonly destination: string }
  | { readonly kind: "target"; readonly type: MountType; readonly source: string; readonly destination: string }
  | { readonly kind: "device"; readonly path: string }
  | { readonly kind: "mask"; readonly path: string }
  | { readonly kind: "readonly"; readonly path: string }
  | { readonly kind: "rlimit"; readonly type: string }
  | { readonly kind: "nice" }
  | { readonly kind: "oom-score" }
  | { readonly kind: "session" }
  | { readonly kind: "terminal" }
  | { readonly kind: "cwd"; readonly path: string }
  | { readonly kind: "user"; readonly uid: number; readonly gid: number }
  | { readonly kind: "capabilities" }
  | { readonly kind: "seccomp" }
  | { readonly kind: "landlock" }
  | { readonly kind: "listener" }
  | { readonly kind: "die-with-parent" }
  | { readonly kind: "init" };
