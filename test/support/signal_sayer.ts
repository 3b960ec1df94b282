// A command that says each signal's name as it comes, and ends at the end of its input.

export const FORWARDED = ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "WINCH", "CONT", "TSTP"] as const;

// Python runs a handler when it is back from a system call, and may go into one with a signal just come: the byte in the pipe wakes it.
const PROGRAM = `
import os, select, signal, sys
def write(text): os.write(1, (text + "\\n").encode())
told, tell = os.pipe()
os.set_blocking(tell, False)
signal.set_wakeup_fd(tell)
for name in sys.argv[1:]: signal.signal(getattr(signal, "SIG" + name), lambda n, _: None)
write("ready")
while True:
    ready, _, _ = select.select([0, told], [], [])
    if told in ready:
        for n in os.read(told, 64): write(signal.Signals(n).name)
    if 0 in ready and not os.read(0, 1): break`;

/** Its words. */
export const SIGNAL_SAYER = ["python3", "-c", PROGRAM, ...FORWARDED] as const;
