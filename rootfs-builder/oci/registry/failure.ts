// What a registry or the way to it did wrong, as an error with a cause and a mend.
import { JsonView } from "../json_view.ts";
import { OciError, type OciFault, quoted } from "../oci_error.ts";
import type { HttpAnswer } from "./http_client.ts";

const LARGEST_ERROR = 65_536;

/** What OpenSSL's verification calls its failures (X509_verify_cert_error_string(3), as Node.js and Bun name them). */
const UNTRUSTED =
  /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|ALTNAME|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|PATH_LENGTH/;

/** An error that fetch or its body threw, on the way to `url` and, where there is one, by a proxy. */
export function explainNetwork(error: unknown, url: URL, proxy: string | false): OciError {
  if (error instanceof OciError) return error;
  const where = proxy === false ? url.host : `${url.host} by the proxy ${new URL(proxy).host}`;
  const { fault, reason, hint } = networkFailure(codeOf(error), error instanceof Error ? error.message : String(error));
  return new OciError(fault, where, reason, proxy === false ? hint : `${hint ? `${hint}. ` : ""}${PROXY_HINT}`);
}

type NetworkFailure = { readonly fault: OciFault; readonly reason: string; readonly hint: string };

function networkFailure(code: string, message: string): NetworkFailure {
  if (code === "ECONNREFUSED" || code === "ConnectionRefused")
    return { fault: "refused", reason: "nobody is listening there (connection refused)", hint: REFUSED_HINT };
  if (code === "ENOTFOUND" || code === "EAI_NONAME" || code === "DNSResolutionFailed")
    return { fault: "unreachable", reason: "the name of the host is not known", hint: NAME_HINT };
  if (code === "EAI_AGAIN" || code === "ETRYAGAIN")
    return { fault: "network", reason: "the name of the host cannot be looked up", hint: NETWORK_HINT };
  if (code === "EPROTO") return { fault: "unreachable", reason: "it does not speak TLS", hint: PLAIN_HINT };
  if (UNTRUSTED.test(code))
    return { fault: "unreachable", reason: `its certificate is not trusted (${code})`, hint: TRUST_HINT };
  return { fault: "network", reason: `the connection failed (${quoted(code || message)})`, hint: "" };
}

const REFUSED_HINT = "Is the registry running, and the port right?";
const NAME_HINT = "Check its spelling, and the network's name server";
const NETWORK_HINT = "Is the network up, and its name server?";
const PLAIN_HINT = "Only an option for insecure registries allows one without";
const TRUST_HINT =
  "Give the certificate of its authority, or allow an insecure registry if the way to it can be trusted";
const PROXY_HINT = "The proxy is the one of HTTPS_PROXY and HTTP_PROXY; NO_PROXY excepts hosts from it";

/** An answer whose status is no success. Takes the body. `what` is what was asked for: `the manifest 3.22`. */
export async function explainStatus(answer: HttpAnswer, where: string, what: string): Promise<OciError> {
  const { status } = answer;
  const said = await messageOf(answer);
  switch (status) {
    case 401:
      return new OciError("denied", where, `it does not let us read ${what} (401)${said}`, LOGIN_HINT);
    case 403:
      return new OciError("denied", where, `reading ${what} is not allowed (403)${said}`, LOGIN_HINT);
    case 404:
      return new OciError("absent", where, `it has not got ${what} (404)${said}`, ABSENT_HINT);
    case 429:
      return new OciError("limited", where, `too many requests were made (429)${said}`, LIMITED_HINT);
    default:
      return status >= 500
        ? new OciError("server", where, `the registry failed (${status})${said}`, "Try again later")
        : new OciError("protocol", where, `it answered ${status} for ${what}${said}`, NO_REGISTRY_HINT);
  }
}

export const LOGIN_HINT =
  "Log in by docker login, podman login or skopeo login, or check that the name is right: registries answer the same for both";
const ABSENT_HINT = "Check the name and the tag";
const LIMITED_HINT = "Wait, or log in: registries allow more to those they know";
const NO_REGISTRY_HINT = "Is it a registry?";

/** ` ("UNAUTHORIZED: authentication required")` of the specification's error document, where there is one. */
async function messageOf(answer: HttpAnswer): Promise<string> {
  try {
    const [first] = JsonView.parse(await answer.bytes(LARGEST_ERROR), "", LARGEST_ERROR)
      .field("errors")
      .items(100);
    const code = first?.optional("code")?.text() ?? "";
    const message = first?.optional("message")?.text() ?? "";
    const text = [code, message].filter((part) => part !== "").join(": ");
    return text === "" ? "" : `: ${quoted(text)}`;
  } catch (error) {
    // Pages in HTML, bodies cut off: the status has to do.
    if (error instanceof OciError) return "";
    throw error;
  }
}

function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  return "code" in error && typeof error.code === "string" ? error.code : "";
}
