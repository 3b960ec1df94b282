// What of the host's root a sandbox shows, as data. src/host/read_host_view.ts fills it in.

export type Entry = { readonly kind: "directory" } | { readonly kind: "symlink"; readonly target: string };

export type HostView = {
  /** By absolute path; what is absent or a plain file is not in it. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** Where /etc/resolv.conf and its like really lie; those that exist. */
  readonly files: ReadonlyMap<string, string>;
};

export const SYSTEM_FOLDERS = [
  "/usr",
  "/bin",
  "/sbin",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
  "/etc",
  "/opt",
  "/nix",
  "/snap",
] as const;
export const PRIVATE_FOLDERS = ["/tmp", "/var", "/var/tmp", "/run", "/home"] as const;
export const OWN_FILES = ["/etc/resolv.conf", "/etc/hosts", "/etc/hostname", "/etc/mtab"] as const;
/** NixOS keeps the running system's profile behind these. */
export const NIX_LINKS = ["/run/current-system", "/run/booted-system", "/run/opengl-driver"] as const;
