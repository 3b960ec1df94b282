// A second opinion on our programs: classic BPF over struct seccomp_data, as kernel/seccomp.c and net/core/filter.c read it.
// It refuses what seccomp_check_filter refuses, so a program that runs here would also be installed.

export type SeccompData = {
  readonly arch: number;
  readonly nr: number;
  /** Missing ones are 0. */
  readonly args?: readonly bigint[];
};

export type Verdict = { readonly action: number; readonly steps: number };

type Instruction = { readonly code: number; readonly jt: number; readonly jf: number; readonly k: number };

const JUMPS: ReadonlyMap<number, (a: number, k: number) => boolean> = new Map([
  [0x15, (a: number, k: number) => a === k],
  [0x25, (a: number, k: number) => a > k],
  [0x35, (a: number, k: number) => a >= k],
  [0x45, (a: number, k: number) => (a & k) !== 0],
]);

/** What seccomp(2) would return, and after how many instructions. Throws if the kernel would refuse the program. */
export function interpret(program: Uint8Array, data: SeccompData): Verdict {
  return run(decode(program), encodeData(data));
}

/** The same for many calls: decodes and checks once. */
export function interpreter(program: Uint8Array): (data: SeccompData) => Verdict {
  const instructions = decode(program);
  return (data) => run(instructions, encodeData(data));
}

function run(program: readonly Instruction[], data: DataView): Verdict {
  let a = 0;
  for (let pc = 0, steps = 1; ; steps++) {
    const { code, jt, jf, k } = at(program, pc++);
    if (code === 0x06) return { action: k, steps };
    if (code === 0x20) a = data.getUint32(k, true);
    else if (code === 0x54) a = (a & k) >>> 0;
    else if (code === 0x05) pc += k;
    else pc += jump(code)(a, k) ? jt : jf;
  }
}

function decode(bytes: Uint8Array): readonly Instruction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length / 8;
  if (!Number.isInteger(count) || count < 1 || count > 4096) throw new Error(`bad length ${bytes.length}`);
  const program = Array.from({ length: count }, (_, i) => ({
    code: view.getUint16(i * 8, true),
    jt: view.getUint8(i * 8 + 2),
    jf: view.getUint8(i * 8 + 3),
    k: view.getUint32(i * 8 + 4, true),
  }));
  program.forEach((instruction, pc) => {
    check(instruction, pc, count);
  });
  if (program.at(-1)?.code !== 0x06) throw new Error("the last instruction is no return");
  return program;
}

function check({ code, jt, jf, k }: Instruction, pc: number, count: number): void {
  if (code === 0x06 || code === 0x54) return;
  if (code === 0x20) {
    if (k % 4 !== 0 || k >= 64) throw new Error(`${pc}: load at ${k}`);
    return;
  }
  const furthest = code === 0x05 ? k : Math.max(jt, jf);
  if (code !== 0x05) jump(code);
  if (pc + 1 + furthest >= count) throw new Error(`${pc}: jump past the end`);
}

function jump(code: number): (a: number, k: number) => boolean {
  const test = JUMPS.get(code);
  if (test === undefined) throw new Error(`unknown instruction 0x${code.toString(16)}`);
  return test;
}

function at(program: readonly Instruction[], pc: number): Instruction {
  const instruction = program[pc];
  if (instruction === undefined) throw new Error(`ran past the end at ${pc}`);
  return instruction;
}

function encodeData({ nr, arch, args = [] }: SeccompData): DataView {
  const view = new DataView(new ArrayBuffer(64));
  view.setUint32(0, nr, true);
  view.setUint32(4, arch, true);
  args.forEach((value, i) => {
    view.setBigUint64(16 + 8 * i, value, true);
  });
  return view;
}
