// The domains of resolv.conf(5) that names are looked for in, as glibc reads them: the last `search` or `domain` holds.

export const LONGEST_LINE = 4096;
const MOST_SEARCH = 32;
const LONGEST_NAME = 253;
const DOMAIN = /^(?:\.|[\w-]+(?:\.[\w-]+)*)$/;

export function searchDomains(text: string): readonly string[] {
  let words: readonly string[] = [];
  for (const line of text.split("\n")) {
    if (!line.startsWith("search") && !line.startsWith("domain")) continue;
    const [keyword, ...domains] = line.slice(0, LONGEST_LINE).split(/[ \t\r]+/);
    if (keyword === "search") words = domains;
    if (keyword === "domain") words = domains.slice(0, 1);
  }
  return words.length === 0 ? words : searchList(words);
}

/** "." stands for the root: no domain is put behind. */
function searchList(words: readonly string[]): readonly string[] {
  const domains = words.map((word) => word.toLowerCase().replace(/(?<=.)\.$/, ""));
  return domains.filter((domain) => domain.length <= LONGEST_NAME && DOMAIN.test(domain)).slice(0, MOST_SEARCH);
}
