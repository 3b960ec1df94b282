// A world of one host, in namespaces of its own: addresses of the families that it has, servers at them, name servers in its resolv.conf.
import { join } from "node:path";
import { absent } from "./test_where.ts";

export type World = {
  readonly families: readonly (4 | 6)[];
  /** Where the servers write what they were asked, and where they say that they are ready. */
  readonly folder: string;
  /** More for the shell. */
  readonly prepare?: string;
};

export const WORLD = { 4: "192.0.2.1", 6: "2001:db8::1" } as const;
/** A second name server's. */
export const OTHER = { 4: "192.0.2.2", 6: "2001:db8::2" } as const;

const UNSHARE = ["unshare", "-Urnmpf", "--kill-child", "--mount-proc"] as const;

/** Words before a command: it runs on that host. Its /etc is a copy that may be written to, at FOLDER/etc. */
export function within({ families, folder, prepare = "" }: World): readonly string[] {
  const all = (of: Readonly<Record<4 | 6, string>>): string => families.map((family) => of[family]).join(" ");
  const server = (mark: string, addresses: string): string => {
    const program = join(import.meta.dir, "world.py");
    return `mkfifo ${mark}; python3 ${program} asked ${mark} ${addresses} >${mark} & read line <${mark}`;
  };
  const script = `
cd ${folder}
ip link set lo up
ip link add here0 type veth peer name there0; ip link set there0 up
${families.includes(6) ? "" : "for i in all default lo here0 there0; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done"}
${families.includes(4) ? "" : "ip addr del 127.0.0.1/8 dev lo"}
ip link set here0 up
for address in ${all(WORLD)} ${all(OTHER)}; do
  case $address in *:*) ip addr add $address/64 dev here0 nodad;; *) ip addr add $address/24 dev here0;; esac
done
mkdir etc
for name in passwd group nsswitch.conf hosts ld.so.cache alternatives ssl; do cp -r /etc/$name etc/ 2>/dev/null || true; done
for address in ${all(WORLD)}; do echo "nameserver $address"; done >etc/resolv.conf
mount --rbind etc /etc
${server("first", all(WORLD))}
${server("second", all(OTHER))}
${prepare}
cd - >/dev/null
"$@"`;
  return [...UNSHARE, "sh", "-ec", script, "sh"];
}

/** Why there can be none, if so. */
export function noWorld(): string | undefined {
  const missing = absent("unshare", "ip", "mount", "python3");
  if (missing !== undefined) return missing;
  const { exitCode, stderr } = Bun.spawnSync([...UNSHARE, "ip", "link", "add", "here0", "type", "veth"]);
  return exitCode === 0 ? undefined : stderr.toString().trim();
}
