// Did the command start? The one thing that is read between clone and wait, on every start.
import { read } from "../../ffi/file.ts";

const READY_BYTES = 4;
const LARGEST_REPORT = 2048;

/**
 * Waits for the end of the status pipe `fd`; the report of a failure (stage/sys.h, struct report), or `undefined` when the
 * command runs. Every holder of the write end closes it by execve or exit, so end of file is the answer, whichever it is: after the
 * four bytes of "ready" nothing more is success. An empty report is that of a child that was killed.
 */
export function awaitExec(fd: number): Uint8Array | undefined {
  const buffer = new Uint8Array(LARGEST_REPORT);
  let length = 0;
  for (let got = -1; got !== 0; length += got) got = read(fd, "status", buffer.subarray(length));
  const ready = length >= READY_BYTES && buffer[0] === 0;
  if (ready && length === READY_BYTES) return undefined;
  return buffer.subarray(ready ? READY_BYTES : 0, length);
}
