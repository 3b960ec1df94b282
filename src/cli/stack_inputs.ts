// What the network stack is told beside its device: rules, names, and files that are opened before anything starts.
import { Fd } from "../../ffi/fd.ts";
import { O_CREAT, O_TRUNC, O_WRONLY, open } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import type { UserNetwork } from "../spec/spec.ts";
import type { LateNetwork } from "../supervisor/late_network.ts";
import { type NetworkRecords, networkRecords, type RecordFile } from "../supervisor/network_records.ts";
import type { StackInputs } from "../supervisor/start_stack.ts";
import { egressPolicy } from "./egress_policy.ts";
import { fileFault } from "./file_fault.ts";
import { note, sayFault } from "./say.ts";

export function stackInputs({ network, hostname, colour }: LateNetwork): Omit<StackInputs, "published"> {
  const policy = egressPolicy(network);
  return {
    network,
    policy,
    hostname,
    tell: (explanation) => sayFault({ exitCode: 125, ...explanation }, colour),
    records: recordsOf(network),
  };
}

function recordsOf({ log, pcap }: UserNetwork): NetworkRecords {
  return networkRecords(recordFile(log), recordFile(pcap), (name, error) =>
    note(`${name} is not complete: ${fileFault("write", name, error).fault.cause}`),
  );
}

export function recordFile(name: string | undefined): RecordFile | undefined {
  if (name === undefined) return undefined;
  if (name === "-") return { fd: new Fd(2).dup(), name: "standard error" };
  try {
    return { fd: open(name, O_WRONLY | O_CREAT | O_TRUNC, 0o600), name };
  } catch (error) {
    throw error instanceof SyscallError ? fileFault("write", name, error) : error;
  }
}
