// passwd(5) and group(5), read without libc: a static look at the text finds local accounts at once, both on the host
// and inside a root file system whose files are not to be trusted. Accounts of a directory service: see name_service.ts.

export type PasswdEntry = {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
};

export type GroupEntry = { readonly name: string; readonly gid: number; readonly members: readonly string[] };

/** (uid_t)-1 means "no change" to the system calls that take ids, so no account can have it. */
const LARGEST_ID = 0xfffffffe;

/** First account by name (a string) or uid (a number), as getpwnam(3) and getpwuid(3) find it. Malformed lines are skipped. */
export function findUser(text: string, nameOrUid: string | number): PasswdEntry | undefined {
  return find(text, nameOrUid, ([name = "", , uid, gid, , home, shell]) => {
    const [user, group] = [parseId(uid), parseId(gid)];
    if (user === undefined || group === undefined || home === undefined) return undefined;
    return { id: user, name, entry: { name, uid: user, gid: group, home, shell: shell ?? "" } };
  });
}

/** First group by name (a string) or gid (a number). */
export function findGroup(text: string, nameOrGid: string | number): GroupEntry | undefined {
  return find(text, nameOrGid, ([name = "", , gid, members = ""]) => {
    const id = parseId(gid);
    return id === undefined ? undefined : { id, name, entry: { name, gid: id, members: listed(members) } };
  });
}

/** Gids of the groups that list `name` as a member: what initgroups(3) adds to the account's own group. */
export function groupsOf(text: string, name: string): readonly number[] {
  const gids = new Set<number>();
  for (const line of text.split("\n")) {
    const [, , gid, members = ""] = line.split(":");
    const id = parseId(gid);
    if (id !== undefined && listed(members).includes(name)) gids.add(id);
  }
  return [...gids];
}

type Candidate<T> = { readonly id: number; readonly name: string; readonly entry: T };

function find<T>(
  text: string,
  key: string | number,
  parse: (fields: readonly string[]) => Candidate<T> | undefined,
): T | undefined {
  // Only lines in which the key occurs are taken apart: this is on the way of every start.
  const needle = typeof key === "number" ? `:${key}` : `${key}:`;
  for (let at = text.indexOf(needle); at >= 0; ) {
    const end = text.indexOf("\n", at);
    const line = text.slice(text.lastIndexOf("\n", at) + 1, end < 0 ? text.length : end);
    const candidate = isAccount(line) ? parse(line.split(":")) : undefined;
    if (candidate && key === (typeof key === "number" ? candidate.id : candidate.name)) return candidate.entry;
    at = end < 0 ? -1 : text.indexOf(needle, end);
  }
  return undefined;
}

/** Lines that begin with + or - refer to NIS (nsswitch.conf(5), "compat"). */
function isAccount(line: string): boolean {
  return line !== "" && !/^[+\-#:]/.test(line);
}

function listed(members: string): readonly string[] {
  return members.split(",").filter((name) => name !== "");
}

/** A uid or gid in decimal, 0 to 2^32 - 2. */
export function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= LARGEST_ID ? id : undefined;
}
