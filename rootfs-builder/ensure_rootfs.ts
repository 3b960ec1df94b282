// PLACEHOLDER by the integrator so that the build works; the rootfs-builder engineer replaces this file.
export type RootfsSource =
  | { readonly kind: "alpine"; readonly version: string }
  | { readonly kind: "tar"; readonly path: string };
export type EnsureOptions = { readonly store: string; readonly mirror: string | undefined; readonly terminal: boolean };
export async function ensureRootfs(
  source: RootfsSource,
  options: EnsureOptions,
): Promise<{ readonly path: string; readonly name: string }> {
  throw new Error(`not built yet: ${source.kind} ${options.store}`);
}
