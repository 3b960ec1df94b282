// A host that is two routers away, with an echo server, for a sandbox that is started beside it.
import { join } from "node:path";
import { NO_NETWORK } from "./network_inside.ts";
import { absent } from "./test_where.ts";

export const FAR_HOST = { 4: "192.0.2.9", 6: "2001:db8:3::9" } as const;
export const ECHO_PORT = { tcp: 8000, udp: 9000 } as const;
/** Of the link between the routers. */
export const FAR_MTU = 1280;

const UNSHARE = ["unshare", "-Urnmpf", "--kill-child", "--mount-proc"] as const;

/** Why there can be none, if so. */
export function noFarHost(): string | undefined {
  const missing = NO_NETWORK ?? absent("unshare", "nsenter", "ip", "mount", "ping");
  if (missing !== undefined) return missing;
  const { exitCode, stderr } = Bun.spawnSync([
    ...UNSHARE,
    "ip",
    "link",
    "add",
    "near0",
    "type",
    "veth",
    "peer",
    "name",
    "far0",
  ]);
  return exitCode === 0 ? undefined : stderr.toString().trim();
}

/** Words before a command: it runs on the near side. `prepare`: more for the shell, which knows the words of far_host.sh. */
export function besideFarHost(family: 4 | 6, prepare = ""): readonly string[] {
  const support = import.meta.dir;
  // The first solicitation of a link that has just come up may be lost, and the next takes a second.
  const isThere = family === 6 ? `ping -q -c 1 -i 0.2 -w 10 ${FAR_HOST[6]} >/dev/null` : "";
  const serve = `python3 ${join(support, "echo_server.py")} ${ECHO_PORT.tcp}/tcp ${ECHO_PORT.udp}/udp`;
  const script = `
. ${join(support, "far_host.sh")}
mkfifo /run/ready
at host ${serve} >/run/ready &
read line </run/ready
${isThere}
${prepare}
"$@"`;
  return [...UNSHARE, "sh", "-ec", script, "sh"];
}
