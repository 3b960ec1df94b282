// What building a Spec may ask the host. A narrow interface, so that a test gives it as data.

export type FileKind = "directory" | "file";

export type HostLookups = {
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Follows symbolic links; undefined where there is nothing. */
  readonly kind: (path: string) => FileKind | undefined;
  /** Undefined where there is no such file. */
  readonly text: (path: string) => string | undefined;
  /** A small file inside a root folder, symbolic links kept inside; or in a stack of layers, the topmost first. */
  readonly textInRoot: (layers: readonly string[], path: string) => string | undefined;
  readonly kindInRoot: (layers: readonly string[], path: string) => FileKind | undefined;
  /** Soft limit on descriptors of the process that started us: the runtime has raised our own. */
  readonly callerNofile: () => { readonly soft: number; readonly hard: number } | undefined;
  readonly isTerminal: (fd: number) => boolean;
};
