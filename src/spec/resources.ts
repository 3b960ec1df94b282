// `linux.resources` of the OCI runtime specification ("Control groups", v1.2), as far as version 2 of control groups has it. What that
// version has and the specification has no field for is in `unified`, by the name of its file.

export type Resources = {
  /** Bytes; -1 is no limit. `swap` is memory and swap together. */
  readonly memory?: { readonly limit?: number; readonly reservation?: number; readonly swap?: number };
  /** `quota` microseconds of each `period`, for all CPUs together. */
  readonly cpu?: {
    readonly shares?: number;
    readonly quota?: number;
    readonly period?: number;
    readonly cpus?: string;
    readonly mems?: string;
  };
  readonly pids?: { readonly limit: number };
  readonly blockIO?: {
    readonly weight?: number;
    readonly throttleReadBpsDevice?: readonly DeviceRate[];
    readonly throttleWriteBpsDevice?: readonly DeviceRate[];
    readonly throttleReadIOPSDevice?: readonly DeviceRate[];
    readonly throttleWriteIOPSDevice?: readonly DeviceRate[];
  };
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  readonly unified?: Readonly<Record<string, string>>;
};

/** Bytes or operations a second. */
export type DeviceRate = { readonly major: number; readonly minor: number; readonly rate: number };
