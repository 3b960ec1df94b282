// Namespaces by descriptor, ioctl_nsfs(2): what kind one is, and the user namespace that it belongs to.
import { Fd } from "./fd.ts";
import { rawSyscall } from "./libc.ts";

const NS_GET_USERNS = 0xb701;
const NS_GET_NSTYPE = 0xb703;

/** A CLONE_NEW* flag; `undefined` for a file that is no namespace. */
export function namespaceType(fd: number): number | undefined {
  const type = rawSyscall("ioctl", fd, NS_GET_NSTYPE);
  return type < 0 ? undefined : type;
}

/** The user namespace that it belongs to; `undefined` where that is none of ours nor below it (EPERM). */
export function ownerOf(fd: number): Fd | undefined {
  const owner = rawSyscall("ioctl", fd, NS_GET_USERNS);
  return owner < 0 ? undefined : new Fd(owner);
}
