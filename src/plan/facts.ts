// What a planner must know of the machine, looked up beforehand so that planning itself touches nothing.

export type PlanFacts = {
  /** Bind sources and masked paths that are folders; the others are files. */
  readonly directories: ReadonlySet<string>;
  /** The caller's ids on the host. */
  readonly uid: number;
  readonly gid: number;
  /** Does overlayfs take its lower layers one by one (`lowerdir+`, Linux 6.5)? */
  readonly lowerdirAppends?: boolean;
};
