// Addresses that no sandbox reaches unless its user says so: they are the host itself, its link, or the service that
// hands a virtual machine its credentials. A rule lifts a denial only when it lies wholly inside it, so that
// `--allow-net 0.0.0.0/0` opens none of them and `--allow-net 169.254.169.254` opens exactly that one.
import { contains, type IpAddress, type IpPrefix, parsePrefix } from "../wire/ip_address.ts";

export type DefaultDenial = {
  readonly kind: "metadata" | "loopback" | "unspecified" | "link-local" | "multicast" | "reserved";
  readonly prefix: IpPrefix;
};

/** Whether a rule may lift it; the others are nothing that this stack could carry, or what `host-loopback` is for. */
const LIFTED_BY_RULE: Readonly<Record<DefaultDenial["kind"], boolean>> = {
  metadata: true,
  "link-local": true,
  loopback: false,
  unspecified: false,
  multicast: false,
  reserved: false,
};

/** The narrower comes first: the first that holds the address is the one that is told. */
const DENIALS: readonly DefaultDenial[] = [
  // EC2, GCE, Azure, OpenStack, DigitalOcean, Hetzner and most others.
  denial("metadata", "169.254.169.254/32"),
  denial("metadata", "fd00:ec2::254/128"),
  denial("metadata", "fd20:ce::254/128"),
  denial("metadata", "fe80::a9fe:a9fe/128"),
  // Credentials of ECS tasks and of EKS pods.
  denial("metadata", "169.254.170.2/32"),
  denial("metadata", "169.254.170.23/32"),
  denial("metadata", "fd00:ec2::23/128"),
  // Alibaba, Oracle, Azure's wire server, Tencent, Scaleway.
  denial("metadata", "100.100.100.200/32"),
  denial("metadata", "192.0.0.192/32"),
  denial("metadata", "168.63.129.16/32"),
  denial("metadata", "169.254.0.23/32"),
  denial("metadata", "169.254.42.42/32"),
  denial("metadata", "fd00:42::42/128"),
  denial("loopback", "127.0.0.0/8"),
  denial("loopback", "::1/128"),
  // "This host on this network" (RFC 1122, section 3.2.1.3): Linux takes a connection to 0.0.0.0 or :: to its own loopback.
  denial("unspecified", "0.0.0.0/8"),
  denial("unspecified", "::/128"),
  // Of one link only: from inside, that link would be the host's.
  denial("link-local", "169.254.0.0/16"),
  denial("link-local", "fe80::/10"),
  denial("multicast", "224.0.0.0/4"),
  denial("multicast", "ff00::/8"),
  // Class E with the limited broadcast address (RFC 1112, section 4; RFC 919, section 7).
  denial("reserved", "240.0.0.0/4"),
];

/** The denial that holds for one reading of an address. */
export function defaultDenial(address: IpAddress): DefaultDenial | undefined {
  return DENIALS.find(({ prefix }) => contains(prefix, address));
}

export function liftsDenial(prefix: IpPrefix, denial: DefaultDenial): boolean {
  return (
    LIFTED_BY_RULE[denial.kind] && prefix.length >= denial.prefix.length && contains(denial.prefix, prefix.address)
  );
}

/** Whether some rule could lift it at all. */
export function canBeLifted(denial: DefaultDenial): boolean {
  return LIFTED_BY_RULE[denial.kind];
}

function denial(kind: DefaultDenial["kind"], text: string): DefaultDenial {
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`not a prefix: ${text}`);
  return { kind, prefix };
}
