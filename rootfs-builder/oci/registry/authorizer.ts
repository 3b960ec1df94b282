// Answers a registry's challenges for one repository: Basic (RFC 7617), or a token of the server that it names
// (github.com/distribution/distribution, docs/spec/auth/{token,oauth}.md). A token is kept until shortly before its end
// and is used for every request, of which many may be under way when it is renewed.
import type { Clock } from "../clock.ts";
import { JsonView } from "../json_view.ts";
import { OciError, quoted } from "../oci_error.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import { explainStatus, LOGIN_HINT } from "./failure.ts";
import type { HttpAnswer, HttpClient, HttpRequest } from "./http_client.ts";

export type AuthorizerOptions = {
  readonly http: HttpClient;
  readonly clock: Clock;
  /** For messages. */
  readonly where: string;
  /** `repository:library/alpine:pull`, where the challenge names none. */
  readonly scope: string;
  readonly insecure: boolean;
  readonly credentials: () => Promise<Credentials | undefined>;
};

type Authorization = { readonly header: string; readonly until: number };

const LARGEST_ANSWER = 1 << 20;
const LONGEST_TOKEN = 65_536;
/** Seconds, where the token server does not say: auth/token.md, `expires_in`. */
const DEFAULT_LIFE = 60;
const LONGEST_LIFE = 86_400;
/** Of a token's life, the part after which it is renewed before a request rather than refused by it. */
const USED_LIFE = 0.9;
/** Visible ASCII: nothing else may go into a header. */
const HEADER_TEXT = /^[\x21-\x7e]+$/;

export class Authorizer {
  readonly #options: AuthorizerOptions;
  #current: Authorization | undefined;
  #challenge: Challenge | undefined;
  #pending: Promise<string> | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** For the next request; undefined until a challenge was answered. */
  async header(): Promise<string | undefined> {
    if (this.#current && this.#options.clock.now() < this.#current.until) return this.#current.header;
    return this.#challenge && (await this.#renew(this.#challenge));
  }

  /** After a 401 for a request that had `used` as its header. Throws {@link OciError} when there is no answer. */
  async answer(challenges: string, used: string | undefined): Promise<string> {
    // Another request has been here meanwhile.
    if (this.#current && this.#current.header !== used) return this.#current.header;
    this.#challenge = this.#choose(challenges);
    return await this.#renew(this.#challenge);
  }

  #choose(header: string): Challenge {
    const challenges = parseChallenges(header);
    const found =
      challenges.find(({ scheme }) => scheme === "bearer") ?? challenges.find(({ scheme }) => scheme === "basic");
    if (found) return found;
    const schemes = challenges.map(({ scheme }) => quoted(scheme)).join(", ") || "nothing";
    throw this.#denied(`it asks for a login and offers ${schemes}; only Bearer and Basic are known`, "");
  }

  /** One request at a time; those that come meanwhile share its answer. */
  async #renew(challenge: Challenge): Promise<string> {
    this.#pending ??= this.#obtain(challenge).finally(() => {
      this.#pending = undefined;
    });
    return await this.#pending;
  }

  async #obtain(challenge: Challenge): Promise<string> {
    const credentials = await this.#options.credentials();
    this.#current = challenge.scheme === "basic" ? this.#basic(credentials) : await this.#token(challenge, credentials);
    return this.#current.header;
  }

  #basic(credentials: Credentials | undefined): Authorization {
    if (credentials?.kind === "basic") return { header: basicHeader(credentials), until: Number.POSITIVE_INFINITY };
    throw this.#denied(credentials ? "it wants a user's password, and a token is stored" : "it asks for a login");
  }

  async #token(challenge: Challenge, credentials: Credentials | undefined): Promise<Authorization> {
    const realm = this.#realm(challenge);
    const answer = await this.#askForToken(realm, challenge, credentials);
    if (answer.status !== 200) throw await this.#refused(answer, credentials);
    return this.#read(await answer.bytes(LARGEST_ANSWER), realm);
  }

  /** Credentials go there: never in the clear, but where all of it is. */
  #realm({ parameters }: Challenge): URL {
    const text = parameters.get("realm") ?? "";
    if (!URL.canParse(text)) throw this.#denied(`the address of its token server is none: ${quoted(text)}`, "");
    const realm = new URL(text);
    const allowed = realm.protocol === "https:" || (realm.protocol === "http:" && this.#options.insecure);
    if (!allowed) throw this.#denied(`its token server, ${quoted(realm.origin)}, is not on https`, "");
    if (realm.username !== "" || realm.password !== "")
      throw this.#denied("the address of its token server has a password in it", "");
    return realm;
  }

  async #askForToken(realm: URL, challenge: Challenge, credentials: Credentials | undefined): Promise<HttpAnswer> {
    const service = challenge.parameters.get("service") ?? "";
    const scope = challenge.parameters.get("scope") || this.#options.scope;
    const { url, request } =
      credentials?.kind === "identity"
        ? refreshRequest(realm, service, scope, credentials.token)
        : tokenRequest(realm, service, scope, credentials);
    return await this.#options.http.exchange(url, request);
  }

  async #refused(answer: HttpAnswer, credentials: Credentials | undefined): Promise<OciError> {
    const { where } = this.#options;
    if (answer.status !== 401 && answer.status !== 403 && answer.status !== 400)
      return await explainStatus(answer, where, "a token");
    answer.discard();
    const who = credentials?.kind === "basic" ? `for ${quoted(credentials.username)} ` : "";
    return credentials
      ? this.#denied(`the login stored ${who}is refused by ${answer.url.host} (${answer.status})`)
      : this.#denied(`${answer.url.host} gives no token without a login (${answer.status})`);
  }

  #read(bytes: Uint8Array, realm: URL): Authorization {
    const view = JsonView.parse(bytes, `the answer of ${realm.host}`, LARGEST_ANSWER);
    const field = view.optional("token") ?? view.field("access_token");
    const token = field.text(LONGEST_TOKEN);
    if (!HEADER_TEXT.test(token)) throw field.refuse("holds what cannot be sent back");
    const life = Math.min(LONGEST_LIFE, view.optional("expires_in")?.integer(0, 2 ** 40) || DEFAULT_LIFE);
    return { header: `Bearer ${token}`, until: this.#options.clock.now() + life * 1000 * USED_LIFE };
  }

  #denied(reason: string, hint = LOGIN_HINT): OciError {
    return new OciError("denied", this.#options.where, reason, hint);
  }
}

type TokenRequest = { readonly url: URL; readonly request: HttpRequest };

function tokenRequest(realm: URL, service: string, scope: string, credentials: Credentials | undefined): TokenRequest {
  const url = new URL(realm);
  if (service !== "") url.searchParams.set("service", service);
  url.searchParams.set("scope", scope);
  const authorization = credentials?.kind === "basic" ? basicHeader(credentials) : undefined;
  return { url, request: { method: "GET", headers: {}, authorization } };
}

function refreshRequest(url: URL, service: string, scope: string, token: string): TokenRequest {
  const fields = { grant_type: "refresh_token", service, scope, client_id: "sandbox", refresh_token: token };
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return { url, request: { method: "POST", headers, body: new URLSearchParams(fields).toString() } };
}

function basicHeader({ username, password }: Credentials & { kind: "basic" }): string {
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}
