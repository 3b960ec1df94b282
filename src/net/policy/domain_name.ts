// Host names as rules, SNI and Host know them: RFC 1123, section 2.1, in lower case and without the dot of the root.
// An underscore is no part of a host name, but DNS has it and so do names in use.
const LONGEST_NAME = 253;
const NAME = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/** The name in its one spelling; `undefined` where it is none. */
export function domainName(text: string): string | undefined {
  if (text.length > LONGEST_NAME + 1) return undefined;
  const name = text.toLowerCase().replace(/\.$/, "");
  return name.length <= LONGEST_NAME && NAME.test(name) ? name : undefined;
}
