// What the test machine has beside an ordinary host: a session of the user's own, whose manager and bus a sandbox may ask, and
// root by sudo(8), for what only an administrator can do to a session.
import { afterAll } from "bun:test";
import { Workspace } from "../support/workspace.ts";

/** A workspace in the session that the tests run in, as a user has it who has just logged in. */
export class LoginWorkspace extends Workspace {
  override get env(): Record<string, string> {
    const { XDG_RUNTIME_DIR = "", DBUS_SESSION_BUS_ADDRESS = "", XDG_SESSION_ID = "" } = process.env;
    return { ...super.env, USER: "dev", XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS, XDG_SESSION_ID };
  }

  /** What a shell script prints that has to succeed; as the user. */
  async shell(script: string): Promise<string> {
    return this.#succeeded(["bash", "-euo", "pipefail", "-c", script]);
  }

  /** The same as root. */
  async asRoot(script: string): Promise<string> {
    return this.#succeeded(["sudo", "bash", "-euo", "pipefail", "-c", script]);
  }

  async #succeeded(argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.host(argv);
    if (code !== 0) throw new Error(`exit ${code} of: ${argv.at(-1)}\n${stderr}${stdout}`);
    return stdout;
  }
}

/** One for the tests of the calling file. */
export function loginWorkspace(): LoginWorkspace {
  const made = new LoginWorkspace();
  afterAll(() => made[Symbol.dispose]());
  return made;
}
