// The error that users see: what was being done, on what, why it failed, and what to do about it.

export type Fault = {
  /** 125: ours; 126 and 127: the command's; 2: the command line's. */
  readonly exitCode: 2 | 125 | 126 | 127;
  /** "Cannot mount a new /proc", no full stop. */
  readonly what: string;
  /** Why, in the kernel's terms or ours. */
  readonly cause: string;
  /** The exact mend, one line or several; empty where there is none. */
  readonly hint: string;
};

export class FaultError extends Error {
  readonly kind = "fault";
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(`${fault.what}: ${fault.cause}`);
    this.fault = fault;
  }
}

/** A mistake on the command line. */
export function usageFault(what: string, cause: string, hint = ""): FaultError {
  return new FaultError({ exitCode: 2, what, cause, hint });
}

/** A request that cannot be met here. */
export function requestFault(what: string, cause: string, hint = ""): FaultError {
  return new FaultError({ exitCode: 125, what, cause, hint });
}
