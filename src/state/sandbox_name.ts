// What a sandbox is called: an id that is made for it, and a name that its user may give.

/** As docker's and podman's: none can be taken for a flag, a path or an address. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/;
const ID = /^[0-9a-f]{12}$/;
export const ID_BYTES = 6;

export function isSandboxName(text: string): boolean {
  return NAME.test(text);
}

export function isSandboxId(text: string): boolean {
  return ID.test(text);
}

/** @param random {@link ID_BYTES} of them. */
export function sandboxId(random: Uint8Array): string {
  return random.toHex();
}
