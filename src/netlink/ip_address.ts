// The address type of the network stack (src/net/wire/ip_address.ts), by its shape: this room imports no other.

export type IpAddress = { readonly family: 4 | 6; readonly bytes: Uint8Array };

const AF_INET = 2;
const AF_INET6 = 10;

export function familyNumber(family: IpAddress["family"]): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** For people; an IPv6 address with all of its groups. */
export function shownAddress({ family, bytes }: IpAddress): string {
  if (family === 4) return bytes.join(".");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: 8 }, (_, i) => view.getUint16(i * 2).toString(16)).join(":");
}
