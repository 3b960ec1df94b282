import { describe, expect, test } from "bun:test";
import { neededControllers, resourceFiles, weightOfBlkio, weightOfShares } from "../../../src/cgroup/resource_files.ts";
import type { Resources } from "../../../src/spec/resources.ts";

const written = (resources: Resources): readonly string[] =>
  resourceFiles(resources).map(({ file, content, isOptional }) => `${file}${isOptional ? "?" : ""} = ${content}`);

describe("linux.resources as files of version 2", () => {
  test("memory: swap is counted apart, and -1 is no limit", () => {
    expect(written({ memory: { limit: 100, swap: 150, reservation: 50 } })).toEqual([
      "memory.max = 100",
      "memory.swap.max = 50",
      "memory.low = 50",
    ]);
    expect(written({ memory: { limit: 100, swap: 100 } })).toEqual(["memory.max = 100", "memory.swap.max? = 0"]);
    expect(written({ memory: { limit: -1, swap: -1 } })).toEqual(["memory.max = max", "memory.swap.max? = max"]);
  });

  test("cpu: a quota of a period, and shares as a weight", () => {
    expect(written({ cpu: { quota: 50_000, period: 100_000 } })).toEqual(["cpu.max = 50000 100000"]);
    expect(written({ cpu: { period: 20_000 } })).toEqual(["cpu.max = max 20000"]);
    expect(written({ cpu: { quota: -1 } })).toEqual(["cpu.max = max 100000"]);
    expect(written({ cpu: { shares: 1024, cpus: "0-1", mems: "0" } })).toEqual([
      "cpu.weight = 100",
      "cpuset.cpus = 0-1",
      "cpuset.mems = 0",
    ]);
  });

  test("weights keep their ends and their defaults", () => {
    expect([2, 1024, 262_144, 0, 1e9].map(weightOfShares)).toEqual([1, 100, 10_000, 1, 10_000]);
    expect([10, 1000].map(weightOfBlkio)).toEqual([1, 10_000]);
  });

  test("io: a line a device and rate; hugetlb, pids and whatever is named", () => {
    const rate = { major: 8, minor: 16, rate: 1000 };
    expect(written({ blockIO: { throttleReadBpsDevice: [rate], throttleWriteIOPSDevice: [rate] } })).toEqual([
      "io.max = 8:16 rbps=1000",
      "io.max = 8:16 wiops=1000",
    ]);
    expect(written({ pids: { limit: 20 }, unified: { "memory.high": "7" } })).toEqual([
      "pids.max = 20",
      "memory.high = 7",
    ]);
    expect(written({ hugepageLimits: [{ pageSize: "2MB", limit: 4 }] })).toEqual([
      "hugetlb.2MB.max = 4",
      "hugetlb.2MB.rsvd.max? = 4",
    ]);
  });

  test("the controllers are those whose files are written, and a file of none is refused", () => {
    const files = resourceFiles({ pids: { limit: 1 }, cpu: { quota: 1, cpus: "0" }, memory: { limit: 5 } });
    expect(neededControllers(files)).toEqual(["memory", "cpu", "pids", "cpuset"]);
    expect(() => resourceFiles({ unified: { "cgroup.procs": "1" } })).toThrow(RangeError);
  });
});
