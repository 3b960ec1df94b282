// What is done to the files of a tree, as data: unpack, describe, compare, measure, copy, pack, remove. Files of subordinate ids can
// only be touched by root inside a user namespace that has those ids, where this process cannot go (it has more than one thread).
// So a job either runs here or is sent, as this message, to a process that was started there; the store does not know which.

export type UnpackLimits = { readonly bytes: number; readonly entries: number };

/** `set`: as the archive says, which takes root in a user namespace with a range of ids. */
export type JobOwnership = "ignore" | "set" | "record";

export type Job =
  /** `archive` from its start into the empty folder `root`; the description into `tree`. `algorithm` is that of the diffID. */
  | {
      readonly kind: "unpack";
      readonly archive: number;
      readonly root: number;
      readonly tree: number;
      readonly limits: UnpackLimits;
      readonly whiteouts: "plain" | "overlay";
      readonly ownership: JobOwnership;
      readonly algorithm: "sha256" | "sha512";
      /** For messages. */
      readonly object: string;
    }
  | { readonly kind: "remove"; readonly folder: number; readonly name: string }
  /** `folder` holds `root` and `tree`. `ownership` is the one that it was unpacked with: a description has the ids of whoever wrote it. */
  | { readonly kind: "verify"; readonly folder: number; readonly ownership: JobOwnership }
  | { readonly kind: "measure"; readonly root: number }
  /** Everything in `from` into the empty folder `to`, `to`'s own attributes too. */
  | { readonly kind: "copy"; readonly from: number; readonly to: number }
  /**
   * Everything in `root` into the empty file `archive`, as a tar file. `overlay`: `root` is the upper folder of an overlay, whose
   * whiteouts become those of the OCI image spec. The owners are as root of the namespace sees them.
   */
  | {
      readonly kind: "pack";
      readonly root: number;
      readonly archive: number;
      readonly whiteouts: "plain" | "overlay";
      /** For messages. */
      readonly object: string;
    }
  /** What `upper` changes of `bases`, the topmost first. */
  | { readonly kind: "compare"; readonly upper: number; readonly bases: readonly number[] }
  /**
   * The layers `trees`, the topmost first, into the file `output`, as one tar file; with `overlay`, of the topmost only what it changes,
   * deletions in the form of the OCI image-spec.
   */
  | {
      readonly kind: "archive";
      readonly trees: readonly number[];
      readonly output: number;
      readonly whiteouts: "merge" | "overlay";
      readonly ownership: JobOwnership;
    };

export type JobKind = Job["kind"];

export type Measure = { readonly files: number; readonly disk: number };

export type Change = {
  readonly change: "added" | "changed" | "deleted";
  /** From the root, without a leading slash; bytes that are no printable ASCII as %XX. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "other";
};

export type JobResults = {
  readonly unpack: Measure & { readonly diffID: string; readonly devices: number };
  readonly remove: null;
  /** Differences from the description, 20 at most; `damaged` where the description itself is. */
  readonly verify: { readonly differences: readonly string[]; readonly damaged: boolean };
  readonly measure: Measure;
  readonly copy: Measure;
  /** The digest and the size of the archive. */
  readonly pack: { readonly diffID: string; readonly size: number };
  readonly compare: readonly Change[];
  readonly archive: { readonly size: number; readonly sha256: string };
};

/**
 * Does a job; fails as performJob does, wherever it is done. `locks` are descriptors that a process that does it shares: should this
 * one be killed, they are held until that one is gone too, and nobody takes what it works on for garbage.
 */
export type RunJob = <J extends Job>(job: J, locks?: readonly number[]) => Promise<JobResults[J["kind"]]>;
