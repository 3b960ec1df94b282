import { describe, expect, test } from "bun:test";
import { cstring } from "../../../ffi/cstring.ts";
import { ERRNO, errnoName } from "../../../ffi/errno.ts";
import { Fd } from "../../../ffi/fd.ts";
import { O_PATH, O_RDONLY, open, openat2, RESOLVE_BENEATH, readlink, readText, stat } from "../../../ffi/file.ts";
import { rawSyscall, stageProgram, syscall } from "../../../ffi/libc.ts";
import { pipe } from "../../../ffi/pipe.ts";
import { SyscallError } from "../../../ffi/syscall_error.ts";

describe("system calls", () => {
  test("give the kernel's result, or the negated errno", () => {
    expect(rawSyscall("getpid")).toBe(process.pid);
    expect(rawSyscall("close", 9999)).toBe(-ERRNO.EBADF);
  });

  test("throw an error that names call, object and errno", () => {
    const attempt = (): number => syscall("openat", "/nope", -100, cstring("/nope"), 0);
    expect(attempt).toThrow("openat /nope: ENOENT");
    expect(attempt).toThrow(SyscallError);
  });

  test("a NUL inside a string is refused, not cut at", () => {
    expect(() => cstring("a\0b")).toThrow(RangeError);
  });

  test("errno names are the kernel's", () => {
    expect([errnoName(1), errnoName(38), errnoName(4000)]).toEqual(["EPERM", "ENOSYS", "errno 4000"]);
  });
});

describe("descriptors have an owner", () => {
  test("`using` closes them on every way out", () => {
    let number = -1;
    {
      using fd = open("/", O_RDONLY);
      number = fd.number;
    }
    expect(rawSyscall("fcntl", number, 1)).toBe(-ERRNO.EBADF);
  });

  test("release() hands the number on, and the owner no longer has it", () => {
    const fd = open("/", O_RDONLY);
    using taken = new Fd(fd.release());
    fd.close();
    expect(rawSyscall("fcntl", taken.number, 1)).toBe(1);
    expect(() => fd.number).toThrow("closed");
  });

  test("pipes are close-on-exec at both ends", () => {
    const { read, write } = pipe("test");
    using r = read;
    using w = write;
    expect([rawSyscall("fcntl", r.number, 1), rawSyscall("fcntl", w.number, 1)]).toEqual([1, 1]);
  });
});

describe("files", () => {
  test("openat2 with RESOLVE_BENEATH does not leave the folder", () => {
    using folder = open("/proc", O_PATH);
    expect(() => openat2(folder.number, "../etc", O_PATH, 0, RESOLVE_BENEATH)).toThrow("EXDEV");
  });

  test("what is not there is undefined, not an error", () => {
    expect(stat("/nope/nope")).toBeUndefined();
    expect(readText("/nope")).toBeUndefined();
    expect(readlink("/")).toBeUndefined();
  });

  test("files of /proc, which say that they have no size, are read whole", () => {
    expect(readText("/proc/self/status")).toContain(`Pid:\t${process.pid}`);
  });

  test("a file larger than the limit is refused", () => {
    expect(() => readText("/proc/self/status", 10)).toThrow("larger than 10 bytes");
  });
});

test("the static programs are ELF files of at most two pages", () => {
  for (const name of ["init", "waiter"] as const) {
    const image = stageProgram(name);
    expect([...image.subarray(0, 4)]).toEqual([0x7f, 0x45, 0x4c, 0x46]);
    expect(image.length).toBeLessThan(8192);
  }
});
