// A control group as its folder, by descriptor: whatever happens to names above it, this one is meant.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  AT_REMOVEDIR,
  flock,
  LOCK_EX,
  LOCK_NB,
  mkdirat,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
  open,
  readAll,
  readdir,
  unlinkat,
  writeAll,
} from "../../ffi/file.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { POLLPRI, poll } from "../../ffi/poll.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";

const PERMISSIONS = 0o755;
const LARGEST_FILE = 1 << 22;

export class Group implements Disposable {
  readonly #folder: Fd;
  /** As it was opened: for people, and for who opens it later. */
  readonly path: string;

  private constructor(folder: Fd, path: string) {
    this.#folder = folder;
    this.path = path;
  }

  /** Throws SyscallError. */
  static open(path: string): Group {
    return new Group(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path);
  }

  /** One that another program of this process has opened; `path` is where it was. */
  static held(folder: Fd, path: string): Group {
    return new Group(folder, path);
  }

  get fd(): number {
    return this.#folder.number;
  }

  /** Under a number that is `least` or more. */
  raised(least: number): Group {
    return new Group(this.#folder.raised(least), this.path);
  }

  child(name: string): Group {
    return new Group(open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, this.#folder.number), `${this.path}/${name}`);
  }

  /** One that is there stays as it is. */
  make(name: string): Group {
    try {
      mkdirat(this.#folder.number, name, PERMISSIONS);
    } catch (error) {
      if (!(error instanceof SyscallError && error.errno === ERRNO.EEXIST)) throw error;
    }
    return this.child(name);
  }

  /** Its files take what they can in one write(2), or an errno. */
  write(file: string, content: string): void {
    using opened = open(file, O_WRONLY | O_NOFOLLOW, 0, this.#folder.number);
    writeAll(opened.number, `${this.path}/${file}`, new TextEncoder().encode(content));
  }

  /** `undefined` where it is not there: of a controller that is not switched on, or of another kernel. */
  read(file: string): string | undefined {
    try {
      using opened = open(file, O_RDONLY | O_NOFOLLOW, 0, this.#folder.number);
      return new TextDecoder().decode(readAll(opened.number, `${this.path}/${file}`, LARGEST_FILE));
    } catch (error) {
      if (error instanceof SyscallError && ABSENT.includes(error.errno)) return undefined;
      throw error;
    }
  }

  words(file: string): readonly string[] {
    return (this.read(file) ?? "").split(/\s+/).filter((word) => word !== "");
  }

  /** Names of the groups below. */
  children(): readonly string[] {
    using own = open(".", O_RDONLY | O_DIRECTORY, 0, this.#folder.number);
    const folders = readdir(own.number, this.path).filter(({ type }) => type === DT_DIR);
    return folders.map(({ name }) => new TextDecoder().decode(name));
  }

  /** False where there are processes in it or below it. */
  get isEmpty(): boolean {
    return /^populated 0$/m.test(this.read("cgroup.events") ?? "");
  }

  /** Writes what cgroup.events tells as `event` when it is done; false where that takes longer than `patience` milliseconds. */
  changed(file: string, content: string, event: string, patience: number, now: () => number): boolean {
    using events = open("cgroup.events", O_RDONLY | O_NOFOLLOW, 0, this.#folder.number);
    this.write(file, content);
    for (const until = now() + patience; ; ) {
      // Read first: from then on poll(2) tells what changes (cgroup-v2, "Core Interface Files").
      rawSyscall("lseek", events.number, 0, 0);
      const text = new TextDecoder().decode(readAll(events.number, `${this.path}/cgroup.events`, LARGEST_FILE));
      if (text.split("\n").includes(event)) return true;
      if (now() >= until) return false;
      poll([{ fd: events.number, events: POLLPRI }], until - now());
    }
  }

  /** Removes a group below, and those below that; false where one is in use. */
  remove(name: string): boolean {
    try {
      using child = this.child(name);
      for (const below of child.children()) child.remove(below);
      unlinkat(this.#folder.number, name, AT_REMOVEDIR);
      return true;
    } catch (error) {
      if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) return true;
      if (error instanceof SyscallError && error.errno === ERRNO.EBUSY) return false;
      throw error;
    }
  }

  /** Waits until nobody else has it; until the group is closed, whoever has it open. */
  lock(): void {
    flock(this.#folder.number, this.path, LOCK_EX);
  }

  /** False where somebody has it. */
  tryLock(): boolean {
    return flock(this.#folder.number, this.path, LOCK_EX | LOCK_NB);
  }

  [Symbol.dispose](): void {
    this.#folder.close();
  }
}

const DT_DIR = 4;
/** ENODEV: the group has been removed; EOPNOTSUPP: PSI is switched off. */
const ABSENT: readonly number[] = [ERRNO.ENOENT, ERRNO.ENODEV, ERRNO.EOPNOTSUPP];
