// The names of the flags that ask for a control group: whether one is there decides what a `run` loads.

export const LIMIT_FLAGS = [
  "--memory",
  "--memory-high",
  "--memory-low",
  "--memory-swap",
  "--cpus",
  "--cpu-weight",
  "--cpuset-cpus",
  "--cpuset-mems",
  "--pids-limit",
  "--io-weight",
  "--device-read-bps",
  "--device-write-bps",
  "--device-read-iops",
  "--device-write-iops",
  "--hugetlb",
  "--cgroup-conf",
  "--cgroups",
] as const;
