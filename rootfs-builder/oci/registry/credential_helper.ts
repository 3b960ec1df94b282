// docker-credential-NAME: programs that keep passwords in a desktop's key ring or a cloud's vault
// (github.com/docker/docker-credential-helpers). The one place where another program is run: the user has named it in
// config.json, its protocol is `get` with the server on stdin and JSON on stdout, and there is no other way to it.
import { type Clock, within } from "../clock.ts";
import { JsonView } from "../json_view.ts";
import { OciError, quoted } from "../oci_error.ts";
import type { Credentials } from "./credentials.ts";
import type { Environment } from "./proxy.ts";

/** A key ring may ask its owner for a password first. */
const TIMEOUT = 60_000;
const LARGEST_ANSWER = 1 << 20;
/** What the protocol's library says when it has nothing for the server: no failure. */
const NOTHING = /credentials not found in native keychain|no credentials server URL|no credentials username/i;
/** In place of a user's name when the secret is a token. */
const TOKEN_USER = "<token>";

/** What the helper `name` has for `server`, if anything. Throws {@link OciError} when it is not there or fails. */
export async function askCredentialHelper(
  name: string,
  server: string,
  environment: Environment,
  clock: Clock,
): Promise<Credentials | undefined> {
  const { code, answer } = await run(programFor(name, environment), server, environment, clock);
  if (code === 0) return readAnswer(answer, programName(name));
  const said = new TextDecoder().decode(answer).trim();
  if (NOTHING.test(said)) return undefined;
  throw failed(programName(name), `it failed with status ${code}: ${quoted(said)}`);
}

function programName(name: string): string {
  return `docker-credential-${name}`;
}

/** A name with a slash would be a path that config.json should not choose. */
function programFor(name: string, environment: Environment): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) throw failed(quoted(programName(name)), "it is no program's name");
  const path = Bun.which(programName(name), { PATH: environment.PATH ?? "" });
  if (path !== null) return path;
  throw failed(programName(name), "it is not installed, but named in the file of the registries' logins");
}

async function run(
  path: string,
  server: string,
  environment: Environment,
  clock: Clock,
): Promise<{ code: number; answer: Uint8Array }> {
  const child = Bun.spawn([path, "get"], {
    stdin: new TextEncoder().encode(`${server}\n`),
    stdout: "pipe",
    stderr: "ignore",
    env: Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined)),
  });
  const end = (reason: string): OciError => {
    child.kill("SIGKILL");
    return failed(path, reason);
  };
  const read = async (): Promise<{ code: number; answer: Uint8Array }> => {
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of child.stdout) {
      length += part.length;
      if (length > LARGEST_ANSWER) throw end(`its answer is longer than ${LARGEST_ANSWER} bytes`);
      parts.push(part);
    }
    return { code: await child.exited, answer: Buffer.concat(parts) };
  };
  const done = await within(read(), TIMEOUT, clock);
  if (!done) throw end(`it gave no answer within ${TIMEOUT / 1000} seconds`);
  return done.value;
}

function readAnswer(answer: Uint8Array, program: string): Credentials | undefined {
  const view = JsonView.parse(answer, `the answer of ${program}`, LARGEST_ANSWER);
  const username = view.optional("Username")?.text() ?? "";
  const secret = view.optional("Secret")?.text() ?? "";
  if (username === TOKEN_USER) return { kind: "identity", token: secret };
  return username === "" ? undefined : { kind: "basic", username, password: secret };
}

function failed(program: string, reason: string): OciError {
  return new OciError(
    "credentials",
    `the credential helper ${program}`,
    reason,
    "docker logout and docker login mend it",
  );
}
