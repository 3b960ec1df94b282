// Descriptors that the child has made, to the supervisor: sendmsg(2) with one byte and one SCM_RIGHTS message, unix(7). struct msghdr,
// iovec and cmsghdr as on every 64-bit Linux.
import type { Aim } from "./aim.ts";
import type { Program } from "./program.ts";
import { type Bytes, named, type Register } from "./step.ts";

const CMSGHDR_BYTES = 16;
const SOL_SOCKET_SCM_RIGHTS = 0x100000001n;

export function sendDescriptor(program: Program, aim: Aim, socket: number, ...descriptors: readonly Register[]): void {
  const length = CMSGHDR_BYTES + 4 * descriptors.length;
  const words = Math.ceil(length / 8);
  const byte: Bytes = { kind: "bytes", content: new Uint8Array(1), shown: "" };
  const control: Bytes = {
    kind: "bytes",
    content: new Uint8Array(controlWords(length, words).buffer),
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
    content: new Uint8Array(BigUint64Array.of(0n, 0n, 0n, 1n, 0n, BigInt(words * 8), 0n).buffer),
    shown: `{SCM_RIGHTS [${descriptors.map(({ name }) => name).join(", ")}]}`,
    pointers: [
      { at: 16, to: vector },
      { at: 32, to: control },
    ],
  };
  descriptors.forEach((descriptor, i) => {
    program.add(aim, "store", [{ kind: "inside", of: control, at: CMSGHDR_BYTES + 4 * i }, descriptor]);
  });
  program.add(aim, "sendmsg", [named(socket, aim.kind), message, 0]);
}

function controlWords(length: number, words: number): BigUint64Array<ArrayBuffer> {
  const content = new BigUint64Array(words);
  content.set([BigInt(length), SOL_SOCKET_SCM_RIGHTS]);
  return content;
}
