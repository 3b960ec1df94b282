// What is left to do when the sandbox has ended: to say why, write down what it has used, and take its group away. A waiter starts this program
// again for it, in its own place (ffi/stage/waiter.c); what is to be done goes along in the environment, which ps(1) does not show.

export type Ending = {
  /** Of the control group that has the limits, if there is one. */
  readonly group: EndingGroup | undefined;
  /** Where figures go: a descriptor and its name. */
  readonly stats: { readonly fd: number; readonly name: string } | undefined;
  /** Seconds of CLOCK_MONOTONIC. */
  readonly startedAt: number;
};

export type EndingGroup = {
  /** An open folder. */
  readonly fd: number;
  readonly path: string;
  readonly isOurs: boolean;
};

const VARIABLE = "SANDBOX_ENDING";

/** `NAME=value`, for the waiter. */
export function endingVariable(ending: Ending): string {
  return `${VARIABLE}=${JSON.stringify(ending)}`;
}

export function endingOf(env: NodeJS.ProcessEnv): Ending | undefined {
  const text = env[VARIABLE];
  return text === undefined ? undefined : JSON.parse(text);
}

/** Descriptors that stay open until then. */
export function heldBy(ending: Ending | undefined): readonly number[] {
  return [ending?.group?.fd, ending?.stats?.fd].filter((fd) => fd !== undefined);
}
