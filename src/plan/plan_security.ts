// Ids and capabilities, in the order that capabilities(7) forces: bounding set while CAP_SETPCAP is there, groups and
// ids while CAP_SETGID and CAP_SETUID are, then the sets themselves.
import { CAPABILITIES, capabilityMask } from "../spec/capabilities.ts";
import type { Spec } from "../spec/spec.ts";
import { PR, PR_CAP_AMBIENT_RAISE } from "./constants.ts";
import type { Program } from "./program.ts";
import { type Bytes, flags, named } from "./step.ts";

const CAPABILITY_VERSION_3 = 0x20080522;
// SECBIT_NOROOT, SECBIT_NO_SETUID_FIXUP and SECBIT_NO_CAP_AMBIENT_RAISE with their locks: uid 0 is nothing special to a command that is not
// root, and none of it can be undone. A root inside is left with the usual rules, which su and daemons need. SECBIT_KEEP_CAPS is not
// locked: without capabilities there is nothing to keep, and programs that would drop theirs (ping) end when they may not set it.
const NON_ROOT_SECUREBITS = 0b11001111;

export function planSecurity(program: Program, spec: Spec): void {
  planUser(program, spec);
  planCapabilities(program, spec);
  // With the command's own rights: a folder that it may not enter is not to be its working one.
  program.add({ kind: "cwd", path: spec.process.cwd }, "chdir", [spec.process.cwd]);
}

function planUser(program: Program, spec: Spec): void {
  const { uid, gid, additionalGids, umask } = spec.process.user;
  const aim = { kind: "user", uid, gid } as const;
  const caps = { kind: "capabilities" } as const;
  const { bounding } = spec.process.capabilities;
  const [low, high] = capabilityMask(bounding);
  program.add(caps, "bound", [named(low, `{${bounding.join(" ")}}`), high]);
  // While CAP_SETPCAP is in the effective set, which a change from uid 0 to another would empty but for NO_SETUID_FIXUP.
  if (uid !== 0) planSecurebits(program, spec);
  if (mayHaveGroups(spec) || additionalGids.length > 0)
    program.add(aim, "setgroups", [additionalGids.length, gidList(additionalGids)]);
  program.add(aim, "setresgid", [gid, gid, gid]);
  program.add(aim, "setresuid", [uid, uid, uid]);
  program.add(aim, "umask", [named(umask, `0${umask.toString(8)}`)]);
}

// Where no more than the caller's own group is mapped, setgroups(2) is denied: by us, and by newgidmap(1) likewise.
function mayHaveGroups({ linux, sandbox }: Spec): boolean {
  return sandbox.idMapWriter === "helper" && linux.gidMappings.some(({ size }, i) => i > 0 || size > 1);
}

function gidList(gids: readonly number[]): Bytes {
  return { kind: "bytes", content: new Uint8Array(Uint32Array.from(gids).buffer), shown: `[${gids.join(", ")}]` };
}

function planSecurebits(program: Program, { process: { capabilities } }: Spec): void {
  // A raise after NO_CAP_AMBIENT_RAISE would fail, so that bit is left out where something is to be raised.
  const bits = capabilities.ambient.length > 0 ? NON_ROOT_SECUREBITS & 0b00001111 : NON_ROOT_SECUREBITS;
  program.add({ kind: "capabilities" }, "prctl", [
    named(PR.PR_SET_SECUREBITS, "PR_SET_SECUREBITS"),
    named(bits, `0b${bits.toString(2)}`),
    0,
    0,
    0,
  ]);
}

function planCapabilities(program: Program, spec: Spec): void {
  const aim = { kind: "capabilities" } as const;
  const { effective, permitted, inheritable, ambient } = spec.process.capabilities;
  const header = new Uint8Array(Uint32Array.of(CAPABILITY_VERSION_3, 0).buffer);
  const [e, p, i] = [capabilityMask(effective), capabilityMask(permitted), capabilityMask(inheritable)];
  const data = new Uint8Array(Uint32Array.of(e[0], p[0], i[0], e[1], p[1], i[1]).buffer);
  program.add(aim, "capset", [
    { kind: "bytes", content: header, shown: "{_LINUX_CAPABILITY_VERSION_3, 0}" },
    { kind: "bytes", content: data, shown: `{effective: [${effective.join(" ")}], ...}` },
  ]);
  for (const name of ambient)
    program.add(aim, "prctl", [
      named(PR.PR_CAP_AMBIENT, "PR_CAP_AMBIENT"),
      named(PR_CAP_AMBIENT_RAISE, "PR_CAP_AMBIENT_RAISE"),
      named(CAPABILITIES.indexOf(name), name),
      0,
      0,
    ]);
  program.add(aim, "prctl", [
    flags({ PR_SET_NO_NEW_PRIVS: PR.PR_SET_NO_NEW_PRIVS }, "PR_SET_NO_NEW_PRIVS"),
    1,
    0,
    0,
    0,
  ]);
}
