// Terminal modes and sizes: termios(3), ioctl_tty(2). struct termios of the kernel's, 36 bytes on x86-64 and aarch64.
import { rawSyscall } from "./libc.ts";

const TCGETS = 0x5401;
const TCSETSW = 0x5403;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const TERMIOS_BYTES = 64;
const WINSIZE_BYTES = 8;

/** The modes of a terminal, to be put back by {@link restoreModes}; undefined when `fd` is none. */
export function terminalModes(fd: number): Uint8Array | undefined {
  const modes = new Uint8Array(TERMIOS_BYTES);
  return rawSyscall("ioctl", fd, TCGETS, modes) === 0 ? modes : undefined;
}

export function restoreModes(fd: number, modes: Uint8Array): void {
  rawSyscall("ioctl", fd, TCSETSW, modes);
}

/** cfmakeraw(3): every byte passes, none is echoed or made a signal. */
export function rawModes(modes: Uint8Array): Uint8Array {
  const raw = modes.slice();
  const flags = new Uint32Array(raw.buffer, 0, 4);
  const [IGNBRK, BRKINT, PARMRK, ISTRIP, INLCR, IGNCR, ICRNL, IXON] = [1, 2, 8, 0x20, 0x40, 0x80, 0x100, 0x400];
  const [ISIG, ICANON, ECHO, ECHONL, IEXTEN] = [1, 2, 8, 0x40, 0x8000];
  const [CSIZE, PARENB, CS8, OPOST] = [0x30, 0x100, 0x30, 1];
  flags[0] = (flags[0] ?? 0) & ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  flags[1] = (flags[1] ?? 0) & ~OPOST;
  flags[2] = ((flags[2] ?? 0) & ~(CSIZE | PARENB)) | CS8;
  flags[3] = (flags[3] ?? 0) & ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  return raw;
}

/** struct winsize: rows, columns and pixels; undefined when `fd` is no terminal. */
export function windowSize(fd: number): Uint8Array | undefined {
  const size = new Uint8Array(WINSIZE_BYTES);
  return rawSyscall("ioctl", fd, TIOCGWINSZ, size) === 0 ? size : undefined;
}

export function setWindowSize(fd: number, size: Uint8Array): void {
  rawSyscall("ioctl", fd, TIOCSWINSZ, size);
}
