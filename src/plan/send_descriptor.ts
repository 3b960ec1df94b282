// A descriptor that the child has made, to the supervisor: sendmsg(2) with one byte and one SCM_RIGHTS message, unix(7). struct msghdr,
// iovec and cmsghdr as on every 64-bit Linux.
import type { Aim } from "./aim.ts";
import type { Program } from "./program.ts";
import { type Bytes, named, type Register } from "./step.ts";

export function sendDescriptor(program: Program, aim: Aim, socket: number, descriptor: Register): void {
  const byte: Bytes = { kind: "bytes", content: new Uint8Array(1), shown: "" };
  const control: Bytes = {
    kind: "bytes",
    content: new Uint8Array(BigUint64Array.of(20n, 0x100000001n, 0n).buffer),
    shown: "SCM_RIGHTS",
  };
  const vector: Bytes = {
    kind: "bytes",
    content: new Uint8Array(BigUint64Array.of(0n, 1n).buffer),
    shown: "",
    pointers: [{ at: 0, to: byte }],
  };
  const message: Bytes = {
    kind: "bytes",
    content: new Uint8Array(BigUint64Array.of(0n, 0n, 0n, 1n, 0n, 24n, 0n).buffer),
    shown: `{SCM_RIGHTS [${descriptor.name}]}`,
    pointers: [
      { at: 16, to: vector },
      { at: 32, to: control },
    ],
  };
  program.add(aim, "store", [{ kind: "inside", of: control, at: 16 }, descriptor]);
  program.add(aim, "sendmsg", [named(socket, aim.kind), message, 0]);
}
