// The hardware address of this side of the link: locally administered, and the one that slirp4netns(1) has.

export const GATEWAY_MAC = Uint8Array.of(0x52, 0x55, 0x0a, 0x00, 0x02, 0x02);
