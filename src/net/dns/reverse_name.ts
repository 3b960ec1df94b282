// Names under in-addr.arpa (RFC 1035, section 3.5) and ip6.arpa (RFC 3596, section 2.5), the address's pieces in reverse.
import type { IpAddress } from "../wire/ip_address.ts";

/** The address that `name`, in lower case, asks the name of. */
export function addressOfReverse(name: string): IpAddress | undefined {
  const labels = name.split(".").reverse();
  const [top, family, ...pieces] = labels;
  if (top !== "arpa") return undefined;
  if (family === "in-addr" && pieces.length === 4 && pieces.every(isOctet))
    return { family: 4, bytes: Uint8Array.from(pieces, Number) };
  if (family !== "ip6" || pieces.length !== 32 || !pieces.every((piece) => /^[0-9a-f]$/.test(piece))) return undefined;
  const digits = pieces.join("");
  return {
    family: 6,
    bytes: Uint8Array.from({ length: 16 }, (_, at) => Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16)),
  };
}

function isOctet(piece: string): boolean {
  return /^(?:0|[1-9]\d{0,2})$/.test(piece) && Number(piece) <= 255;
}
