// In what form `image save` writes.

export const FORMATS = ["oci-archive", "docker-archive", "oci"] as const;
export type Format = (typeof FORMATS)[number];
