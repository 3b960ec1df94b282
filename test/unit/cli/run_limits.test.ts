import { describe, expect, test } from "bun:test";
import { FaultError } from "../../../src/base/fault.ts";
import { resourceFiles } from "../../../src/cgroup/resource_files.ts";
import { runCommand } from "../../../src/cli/commands/run.table.ts";
import { LIMIT_FLAGS } from "../../../src/cli/limit_flags.ts";
import { runLimits } from "../../../src/cli/run_limits.ts";
import { parse } from "../support_spec.ts";

const MIB = 1 << 20;
const device = (path: string) => (path === "/dev/sda" ? { major: 8, minor: 0 } : undefined);
const limits = (...argv: readonly string[]) => runLimits(parse(...argv, "--", "true"), device);
const files = (...argv: readonly string[]): readonly string[] =>
  resourceFiles(limits(...argv)?.resources ?? {}).map(({ file, content }) => `${file}=${content}`);

describe("limits on the command line", () => {
  test("each is a file", () => {
    expect(files("-m", "64m")).toEqual([`memory.max=${64 * MIB}`, "memory.swap.max=0"]);
    expect(files("-m", "64m", "--memory-swap", "96m")).toEqual([
      `memory.max=${64 * MIB}`,
      `memory.swap.max=${32 * MIB}`,
    ]);
    expect(files("-m", "64m", "--memory-swap", "-1")).toEqual([`memory.max=${64 * MIB}`, "memory.swap.max=max"]);
    expect(files("--memory-high", "1g", "--memory-low", "8m")).toEqual([
      `memory.low=${8 * MIB}`,
      `memory.high=${1024 * MIB}`,
    ]);
    expect(files("--cpus", "0.5", "--cpu-weight", "10")).toEqual(["cpu.max=50000 100000", "cpu.weight=10"]);
    expect(files("--cpuset-cpus", "0-3,6", "--cpuset-mems", "0")).toEqual(["cpuset.cpus=0-3,6", "cpuset.mems=0"]);
    expect(files("--pids-limit", "100")).toEqual(["pids.max=100"]);
    expect(files("--pids-limit", "-1")).toEqual(["pids.max=max"]);
    expect(files("--io-weight", "200")).toEqual(["io.weight=default 200"]);
    expect(files("--device-read-bps", "/dev/sda:1m", "--device-write-iops", "259:3:50")).toEqual([
      `io.max=8:0 rbps=${MIB}`,
      "io.max=259:3 wiops=50",
    ]);
    expect(files("--hugetlb", "2MB:0")).toEqual(["hugetlb.2MB.max=0", "hugetlb.2MB.rsvd.max=0"]);
    expect(files("--cgroup-conf", "memory.oom.group=1")).toEqual(["memory.oom.group=1"]);
  });

  test("none asks for no group, and delegation asks for one without limits", () => {
    expect(limits()).toBeUndefined();
    expect(limits("--cgroups", "auto")).toBeUndefined();
    expect(limits("--cgroups", "disabled")).toBeUndefined();
    expect(limits("--cgroups", "delegate")).toEqual({ cgroup: { delegate: true }, resources: {} });
    expect(limits("-m", "1g")?.cgroup).toEqual({ delegate: false });
  });

  test("what makes no sense is a mistake of usage", () => {
    const mistakes: readonly (readonly string[])[] = [
      ["-m", "0"],
      ["-m", "4k"],
      ["-m", "much"],
      ["--memory-swap", "1g"],
      ["-m", "1g", "--memory-swap", "1m"],
      ["--cpus", "0"],
      ["--cpus", "-1"],
      ["--cpus", "0.001"],
      ["--cpus", "1e3"],
      ["--cpu-weight", "0"],
      ["--cpu-weight", "10001"],
      ["--cpuset-cpus", "3-1"],
      ["--cpuset-cpus", "0,"],
      ["--cpuset-cpus", "all"],
      ["--pids-limit", "0"],
      ["--io-weight", "0"],
      ["--device-read-bps", "/dev/sda"],
      ["--device-read-bps", "/dev/null:1m"],
      ["--device-write-iops", "8:0:fast"],
      ["--hugetlb", "2m:64m"],
      ["--cgroup-conf", "cgroup.procs=1"],
      ["--cgroup-conf", "memory.max"],
      ["--cgroup-conf", "../memory.max=1"],
      ["--cgroup-conf", "memory.max=1\n2"],
      ["--cgroups", "split"],
      ["--cgroups", "disabled", "-m", "1g"],
    ];
    for (const argv of mistakes) {
      const code = attempt(() => limits(...argv));
      expect([argv, code]).toEqual([argv, 2]);
    }
  });

  test("every flag that is looked for is one of run's", () => {
    const names = runCommand.flags.map(({ name }) => name);
    expect(LIMIT_FLAGS.filter((name) => !names.includes(name))).toEqual([]);
  });
});

function attempt(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error instanceof FaultError ? error.fault.exitCode : error;
  }
}
