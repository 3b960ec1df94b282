import { ID_BYTES, sandboxId } from "../state/sandbox_name.ts";

/** Another each time. */
export function newId(): string {
  return sandboxId(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
}
