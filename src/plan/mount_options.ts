// Mount options as users and the OCI runtime specification write them ("Mounts", "Linux mount options"), sorted into what
// each interface takes: mount attributes, propagation, and options of the file system itself.
import { MOUNT_ATTR, MOUNT_ATTR__ATIME, type PROPAGATION } from "./constants.ts";

export type MountOptions = {
  /** MOUNT_ATTR_* to set, by name. */
  readonly set: readonly (keyof typeof MOUNT_ATTR)[];
  readonly clearAtime: boolean;
  readonly readonly: boolean;
  readonly propagation?: { readonly type: keyof typeof PROPAGATION; readonly recursive: boolean };
  /** `rbind` (default) or `bind`. */
  readonly recursive: boolean;
  /** Skip the mount when its source does not exist. */
  readonly try: boolean;
  /** `key=value` pairs and flags for the file system. */
  readonly data: readonly string[];
};

type Effect =
  | { readonly kind: "set"; readonly attr: keyof typeof MOUNT_ATTR }
  | { readonly kind: "unset"; readonly attr: keyof typeof MOUNT_ATTR }
  | { readonly kind: "propagation"; readonly type: keyof typeof PROPAGATION; readonly recursive: boolean }
  | { readonly kind: "recursive"; readonly value: boolean }
  | { readonly kind: "try" }
  | { readonly kind: "nothing" };

const set = (attr: keyof typeof MOUNT_ATTR): Effect => ({ kind: "set", attr });
const unset = (attr: keyof typeof MOUNT_ATTR): Effect => ({ kind: "unset", attr });
const propagation = (type: keyof typeof PROPAGATION, recursive: boolean): Effect => ({
  kind: "propagation",
  type,
  recursive,
});

const EFFECTS: Readonly<Record<string, Effect>> = {
  ro: set("MOUNT_ATTR_RDONLY"),
  rro: set("MOUNT_ATTR_RDONLY"),
  readonly: set("MOUNT_ATTR_RDONLY"),
  rw: unset("MOUNT_ATTR_RDONLY"),
  nosuid: set("MOUNT_ATTR_NOSUID"),
  suid: unset("MOUNT_ATTR_NOSUID"),
  nodev: set("MOUNT_ATTR_NODEV"),
  dev: unset("MOUNT_ATTR_NODEV"),
  noexec: set("MOUNT_ATTR_NOEXEC"),
  exec: unset("MOUNT_ATTR_NOEXEC"),
  noatime: set("MOUNT_ATTR_NOATIME"),
  strictatime: set("MOUNT_ATTR_STRICTATIME"),
  nodiratime: set("MOUNT_ATTR_NODIRATIME"),
  nosymfollow: set("MOUNT_ATTR_NOSYMFOLLOW"),
  relatime: { kind: "nothing" },
  private: propagation("MS_PRIVATE", false),
  rprivate: propagation("MS_PRIVATE", true),
  slave: propagation("MS_SLAVE", false),
  rslave: propagation("MS_SLAVE", true),
  shared: propagation("MS_SHARED", false),
  rshared: propagation("MS_SHARED", true),
  unbindable: propagation("MS_UNBINDABLE", false),
  runbindable: propagation("MS_UNBINDABLE", true),
  bind: { kind: "recursive", value: false },
  rbind: { kind: "recursive", value: true },
  try: { kind: "try" },
  // SELinux labels of podman's; there is nothing to relabel without the right to.
  z: { kind: "nothing" },
  Z: { kind: "nothing" },
};

/** Sorts `options`; later ones win over earlier ones. What is not a mount option is the file system's. */
export function mountOptions(options: readonly string[]): MountOptions {
  const known = sorted.get(options);
  if (known) return known;
  const made = sortOptions(options);
  sorted.set(options, made);
  return made;
}

// Most mounts of a sandbox share a handful of lists.
const sorted = new WeakMap<readonly string[], MountOptions>();

function sortOptions(options: readonly string[]): MountOptions {
  const attributes = new Set<keyof typeof MOUNT_ATTR>();
  const data: string[] = [];
  let shape: Pick<MountOptions, "recursive" | "try" | "propagation"> = { recursive: true, try: false };
  for (const option of options) {
    const effect = Object.hasOwn(EFFECTS, option) ? EFFECTS[option] : undefined;
    if (!effect) data.push(option);
    else if (effect.kind === "set") attributes.add(effect.attr);
    else if (effect.kind === "unset") attributes.delete(effect.attr);
    else if (effect.kind === "recursive") shape = { ...shape, recursive: effect.value };
    else if (effect.kind === "try") shape = { ...shape, try: true };
    else if (effect.kind === "propagation")
      shape = { ...shape, propagation: { type: effect.type, recursive: effect.recursive } };
  }
  const list = [...attributes];
  return {
    ...shape,
    set: list,
    clearAtime: list.some((name) => (MOUNT_ATTR[name] & MOUNT_ATTR__ATIME) !== 0),
    readonly: attributes.has("MOUNT_ATTR_RDONLY"),
    data,
  };
}

/** Is `option` one that every mount understands (as against one of a file system)? */
export function isMountOption(option: string): boolean {
  return Object.hasOwn(EFFECTS, option);
}
