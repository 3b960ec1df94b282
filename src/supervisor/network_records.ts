// What is written down of a network: a line for each flow (--net-log), every frame (--net-pcap). A record that cannot be written any more
// does not end the command: it says so, once.
import type { Fd } from "../../ffi/fd.ts";
import { writeAll } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import type { PcapOutput } from "../net/device/pcap_device.ts";
import type { EgressOutputs } from "../net/flow/egress.ts";

export type NetworkRecords = { readonly log: EgressOutputs["log"]; readonly pcap: PcapOutput | undefined };

export type RecordFile = { readonly fd: Fd; readonly name: string };

/** `failed` is told of the first write that a file refuses; nothing more is written there. */
export function networkRecords(
  log: RecordFile | undefined,
  pcap: RecordFile | undefined,
  failed: (name: string, error: SyscallError) => void,
): NetworkRecords {
  const wallClock = (): number => Date.now();
  const encoder = new TextEncoder();
  const toLog = log && writerTo(log, failed);
  const toPcap = pcap && writerTo(pcap, failed);
  return {
    log: toLog && { wallClock, write: (entry) => toLog(encoder.encode(`${JSON.stringify(entry)}\n`)) },
    pcap: toPcap && { wallClock, write: toPcap },
  };
}

function writerTo(
  { fd, name }: RecordFile,
  failed: (name: string, error: SyscallError) => void,
): (bytes: Uint8Array) => void {
  let isWhole = true;
  return (bytes) => {
    if (!isWhole) return;
    try {
      writeAll(fd.number, name, bytes);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      isWhole = false;
      failed(name, error);
    }
  };
}
