// Which of the caught system calls a notification is of: each entry of a machine has numbers of its own (src/seccomp/arch.ts).

export type CallName = "connect" | "bind" | "listen";

type Numbers = Readonly<Record<CallName, number>>;

const X32_BIT = 0x40000000;
const X86_64: Numbers = { connect: 42, bind: 49, listen: 50 };
/** By seccomp_data.arch, linux/audit.h: x86-64, i386, aarch64, arm. */
export const NUMBERS: ReadonlyMap<number, Numbers> = new Map([
  [0xc000003e, X86_64],
  [0x40000003, { connect: 362, bind: 361, listen: 363 }],
  [0xc00000b7, { connect: 203, bind: 200, listen: 201 }],
  [0x40000028, { connect: 283, bind: 282, listen: 284 }],
]);
const NAMES: readonly CallName[] = ["connect", "bind", "listen"];

export function callName(arch: number, number: number): CallName | undefined {
  const numbers = NUMBERS.get(arch);
  const plain = numbers === X86_64 ? number & ~X32_BIT : number;
  return NAMES.find((name) => numbers?.[name] === plain);
}
