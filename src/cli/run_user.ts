// --user, --group, --group-add: names and ids as the sandbox's own /etc/passwd and /etc/group have them. Pure.
import { requestFault } from "../base/fault.ts";
import { findGroup, findUser, parseId } from "../host/passwd.ts";

export type Accounts = { readonly passwd: () => string; readonly group: () => string };
export type ResolvedUser = {
  readonly uid: number;
  readonly gid: number;
  readonly name: string | undefined;
  readonly home: string | undefined;
  readonly groups: readonly number[];
};

type Request = {
  /** `USER[:GROUP]`. */
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly groupAdd: readonly string[];
  readonly fallback: { readonly uid: number; readonly gid: number };
};

export function resolveUser(request: Request, accounts: Accounts): ResolvedUser {
  const [userText, groupText = request.group] = splitUser(request.user);
  const account = userText === undefined ? undefined : lookUpUser(userText, accounts);
  const uid = account?.uid ?? request.fallback.uid;
  const entry = findUser(accounts.passwd(), uid);
  const fallbackGid = userText === undefined ? request.fallback.gid : (account?.gid ?? 0);
  return {
    uid,
    gid: groupText === undefined ? fallbackGid : lookUpGroup(groupText, accounts),
    name: account?.name ?? entry?.name,
    home: account?.home ?? entry?.home,
    groups: request.groupAdd.map((name) => lookUpGroup(name, accounts)),
  };
}

function splitUser(text: string | undefined): readonly [string | undefined, string?] {
  if (text === undefined) return [undefined];
  const colon = text.indexOf(":");
  return colon < 0 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
}

type FoundUser = { readonly uid: number; readonly gid?: number; readonly name?: string; readonly home?: string };

function lookUpUser(text: string, accounts: Accounts): FoundUser {
  const id = parseId(text);
  const found = findUser(accounts.passwd(), id ?? text);
  if (found) return found;
  if (id !== undefined) return { uid: id };
  throw requestFault(
    `Cannot run as user ${JSON.stringify(text)}`,
    "the sandbox's /etc/passwd has no such user",
    "give a number: --user UID:GID",
  );
}

function lookUpGroup(text: string, accounts: Accounts): number {
  const id = parseId(text) ?? findGroup(accounts.group(), text)?.gid;
  if (id !== undefined) return id;
  throw requestFault(
    `Cannot run with group ${JSON.stringify(text)}`,
    "the sandbox's /etc/group has no such group",
    "give a number",
  );
}
