// All networks of a user: a file each. What a file says is judged when it is read; a change replaces it whole.
import { mkdirSync } from "node:fs";
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  AT_FDCWD,
  flock,
  LOCK_EX,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDONLY,
  O_WRONLY,
  open,
  readAll,
  readdir,
  renameExclusive,
  stat,
  unlinkat,
  writeAll,
} from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { formatDefinition, type NetworkDefinition, parseDefinition } from "./definition.ts";
import { NetworkError } from "./network_error.ts";
import { nameProblem } from "./network_name.ts";

const SUFFIX = ".json";
const LARGEST = 65_536;

export type NamedNetwork = { readonly name: string; readonly definition: NetworkDefinition };

export class NetworksFolder {
  readonly #path: string;

  /** `data`: the folder of all that this program keeps for a user. It need not be there. */
  constructor(data: string) {
    this.#path = `${data}/networks`;
  }

  /** In the order of their names. */
  names(): readonly string[] {
    const folder = this.#open();
    if (folder === undefined) return [];
    using opened = folder;
    const decoder = new TextDecoder();
    return readdir(opened.number, this.#path)
      .map(({ name }) => decoder.decode(name))
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => name.slice(0, -SUFFIX.length))
      .filter((name) => nameProblem(name) === undefined)
      .sort();
  }

  /** `undefined` where there is none. Throws NetworkError for a file that says nothing that can be used. */
  read(name: string): NetworkDefinition | undefined {
    try {
      using file = open(this.fileOf(name), O_RDONLY);
      return this.#parse(name, file);
    } catch (error) {
      if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) return undefined;
      throw error;
    }
  }

  all(): readonly NamedNetwork[] {
    return this.names().flatMap((name) => {
      const definition = this.read(name);
      return definition === undefined ? [] : [{ name, definition }];
    });
  }

  /** False where there is one of that name. */
  create(name: string, definition: NetworkDefinition, random: string): boolean {
    this.#make();
    const temporary = `${this.#path}/.${name}-${random}`;
    {
      using file = open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0o600);
      writeAll(file.number, temporary, new TextEncoder().encode(formatDefinition(definition)));
    }
    try {
      renameExclusive(AT_FDCWD, temporary, AT_FDCWD, this.fileOf(name));
      return true;
    } catch (error) {
      unlinkat(AT_FDCWD, temporary);
      if (error instanceof SyscallError && error.errno === ERRNO.EEXIST) return false;
      throw error;
    }
  }

  /** The file, locked for as long as the descriptor is open, and surely the one that has the name; `undefined` where there is none. */
  lock(name: string): Fd | undefined {
    for (;;) {
      const file = this.openFile(name);
      if (file === undefined) return undefined;
      flock(file.number, this.fileOf(name), LOCK_EX);
      if (stat(this.fileOf(name))?.identity === stat("", true, file.number)?.identity) return file;
      file.close();
    }
  }

  openFile(name: string): Fd | undefined {
    try {
      return open(this.fileOf(name), O_RDONLY);
    } catch (error) {
      if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) return undefined;
      throw error;
    }
  }

  remove(name: string): void {
    unlinkat(AT_FDCWD, this.fileOf(name));
  }

  /** What is locked, and read. */
  fileOf(name: string): string {
    const problem = nameProblem(name);
    if (problem !== undefined) throw new NetworkError(problem);
    return `${this.#path}/${name}${SUFFIX}`;
  }

  #parse(name: string, file: Fd): NetworkDefinition {
    const read = parseDefinition(textOf(readAll(file.number, this.fileOf(name), LARGEST)));
    if (read.kind === "read") return read.definition;
    throw new NetworkError(
      `${this.fileOf(name)} does not say what it is: ${read.cause}`,
      `make it anew: sandbox network rm ${name}; sandbox network create ${name}`,
    );
  }

  #open(): Fd | undefined {
    try {
      return open(this.#path, O_RDONLY | O_DIRECTORY);
    } catch (error) {
      if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) return undefined;
      throw error;
    }
  }

  #make(): void {
    mkdirSync(this.#path, { recursive: true, mode: 0o700 });
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
