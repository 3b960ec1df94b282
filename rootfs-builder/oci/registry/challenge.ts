// The WWW-Authenticate header: RFC 9110 section 11.6.1. Several challenges may share a header, and the comma between two of
// them is that between two parameters of one.

export type Challenge = {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
};

const LONGEST = 16_384;
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = new RegExp(`[\\s,]*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))`, "y");
const SCHEME = new RegExp(`[\\s,]*(${TOKEN})(?=[\\s,]|$)`, "y");
/** Of a scheme that is followed by one token in place of parameters: Negotiate and the like. */
const TOKEN68 = /[ \t]*[A-Za-z0-9._~+/-]+=*(?=[\s,]|$)/y;

/** The challenges up to the first thing that is none. */
export function parseChallenges(header: string): readonly Challenge[] {
  const text = header.slice(0, LONGEST);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (let at = 0; at < text.length; ) {
    const current = challenges.at(-1);
    const parameter = matchAt(PARAMETER, text, at);
    const scheme = parameter ? undefined : matchAt(SCHEME, text, at);
    if (parameter && current) {
      const [whole, name = "", quoted, token = ""] = parameter;
      current.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? token);
      at += whole.length;
    } else if (scheme) {
      challenges.push({ scheme: (scheme[1] ?? "").toLowerCase(), parameters: new Map() });
      at += scheme[0].length;
      if (!matchAt(PARAMETER, text, at)) at += matchAt(TOKEN68, text, at)?.[0].length ?? 0;
    } else break;
  }
  return challenges;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  // A sticky pattern of the module's: its index is set before each use.
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
