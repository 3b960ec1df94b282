// Who the user is to a registry, as docker, podman and skopeo have stored it: containers-auth.json(5), and Docker's
// config.json with its credential helpers. The first file that knows the registry counts.
import { readText } from "../../../ffi/file.ts";
import { SyscallError } from "../../../ffi/syscall_error.ts";
import type { Clock } from "../clock.ts";
import { JsonView } from "../json_view.ts";
import { OciError } from "../oci_error.ts";
import type { Reference } from "../reference.ts";
import { askCredentialHelper } from "./credential_helper.ts";
import type { Environment } from "./proxy.ts";

export type Credentials =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** A token that tokens are had for: an OAuth 2 refresh token. */
  | { readonly kind: "identity"; readonly token: string };

const LARGEST_FILE = 4 * 2 ** 20;
const MOST_ENTRIES = 10_000;
const HUB = "docker.io";
const HUB_KEYS: readonly string[] = [HUB, "index.docker.io", "registry-1.docker.io"];
/** What docker login stores for the Hub, and so what its helpers have it under. */
const HUB_SERVER = "https://index.docker.io/v1/";

/** `undefined` for nobody in particular. Throws {@link OciError} for a file or a helper that cannot be read. */
export async function findCredentials(
  reference: Pick<Reference, "domain" | "path">,
  environment: Environment,
  clock: Clock,
): Promise<Credentials | undefined> {
  for (const path of credentialFiles(environment)) {
    const view = readFile(path);
    const found = view && (await findInFile(view, reference, environment, clock));
    if (found) return found;
  }
  return undefined;
}

/** In the order of podman's and skopeo's look-up. */
export function credentialFiles(environment: Environment): readonly string[] {
  const { REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, XDG_CONFIG_HOME, DOCKER_CONFIG, HOME } = environment;
  if (REGISTRY_AUTH_FILE) return [REGISTRY_AUTH_FILE];
  const config = XDG_CONFIG_HOME || (HOME ? `${HOME}/.config` : "");
  const docker = DOCKER_CONFIG || (HOME ? `${HOME}/.docker` : "");
  return [
    XDG_RUNTIME_DIR ? `${XDG_RUNTIME_DIR}/containers/auth.json` : "",
    config ? `${config}/containers/auth.json` : "",
    docker ? `${docker}/config.json` : "",
  ].filter((path) => path !== "");
}

async function findInFile(
  view: JsonView,
  reference: Pick<Reference, "domain" | "path">,
  environment: Environment,
  clock: Clock,
): Promise<Credentials | undefined> {
  const helper = helperFor(view, reference.domain);
  const server = reference.domain === HUB ? HUB_SERVER : reference.domain;
  const found = helper === undefined ? undefined : await askCredentialHelper(helper, server, environment, clock);
  return found ?? findStored(view, reference);
}

function helperFor(view: JsonView, domain: string): string | undefined {
  const helpers = view.optional("credHelpers")?.entries(MOST_ENTRIES) ?? [];
  const named = helpers.find(([key]) => sameRegistry(key, domain));
  return named?.[1].text(255) ?? (view.optional("credsStore")?.text(255) || undefined);
}

/** The longest key wins: `quay.io/team` is for what is below it, before `quay.io`. */
function findStored(view: JsonView, { domain, path }: Pick<Reference, "domain" | "path">): Credentials | undefined {
  const entries = view.optional("auths")?.entries(MOST_ENTRIES) ?? [];
  const whole = `${domain}/${path}`;
  const fitting = entries
    .map(([key, entry]) => ({ key: namespaceOf(key), entry }))
    .filter(({ key }) => whole === key || whole.startsWith(`${key}/`))
    .sort((a, b) => b.key.length - a.key.length);
  for (const { entry } of fitting) {
    const found = credentialsOf(entry);
    if (found) return found;
  }
  return undefined;
}

/** Docker's keys may be addresses, of which the path was that of the API's version. */
function namespaceOf(key: string): string {
  const bare = key.replace(/^https?:\/\//, "").replace(/\/+$/, "");
  const withoutApi = bare.replace(/\/v[12]$/, "");
  const [host = "", ...rest] = withoutApi.split("/");
  return [HUB_KEYS.includes(host) ? HUB : host, ...rest].join("/");
}

function sameRegistry(key: string, domain: string): boolean {
  return namespaceOf(key) === domain;
}

/** Empty entries are there for a store that holds the secret. */
function credentialsOf(entry: JsonView): Credentials | undefined {
  const text = (name: string): string => entry.optional(name)?.text() ?? "";
  if (text("identitytoken") !== "") return { kind: "identity", token: text("identitytoken") };
  if (text("auth") !== "") return decodeAuth(entry.field("auth"));
  if (text("username") === "") return undefined;
  return { kind: "basic", username: text("username"), password: text("password") };
}

function decodeAuth(view: JsonView): Credentials {
  const decoded = Buffer.from(view.text(), "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  if (colon < 1) throw view.refuse("is not the base64 of USER:PASSWORD", "Log in again");
  // Old versions of docker padded with NULs.
  const password = decoded.slice(colon + 1).replace(/\0+$/, "");
  return { kind: "basic", username: decoded.slice(0, colon), password };
}

function readFile(path: string): JsonView | undefined {
  const bytes = readBytes(path);
  return bytes && JsonView.parse(bytes, path, LARGEST_FILE);
}

function readBytes(path: string): Uint8Array | undefined {
  try {
    const text = readText(path, LARGEST_FILE);
    return text === undefined || text.trim() === "" ? undefined : new TextEncoder().encode(text);
  } catch (error) {
    if (error instanceof SyscallError || error instanceof RangeError)
      throw new OciError(
        "credentials",
        path,
        `it cannot be read (${error.message})`,
        "It holds the registries' logins",
      );
    throw error;
  }
}
