// A static program of stage/ in a sealed memfd: executable, and not to be changed by anyone who reaches it through /proc (CVE-2019-5736).
import { cstring } from "./cstring.ts";
import { ERRNO } from "./errno.ts";
import { Fd } from "./fd.ts";
import { writeAll } from "./file.ts";
import { rawSyscall, type StageProgram, stageProgram, syscall } from "./libc.ts";
import { SyscallError } from "./syscall_error.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
const F_SEAL_SEAL_SHRINK_GROW_WRITE = 0xf;

export function programFd(name: StageProgram): Fd {
  const fd = new Fd(createExecutable(`sandbox-${name}`));
  writeAll(fd.number, name, stageProgram(name));
  syscall("fcntl", `seals of ${name}`, fd.number, F_ADD_SEALS, F_SEAL_SEAL_SHRINK_GROW_WRITE);
  return fd;
}

// MFD_EXEC is there since 6.3 and asked for where vm.memfd_noexec is set; before, EINVAL, and every memfd can be executed.
function createExecutable(name: string): number {
  const text = cstring(name);
  const fd = rawSyscall("memfd_create", text, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd >= 0) return fd;
  if (fd !== -ERRNO.EINVAL) throw new SyscallError("memfd_create", name, -fd);
  return syscall("memfd_create", name, text, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}
