// What /proc and /etc say on machines of different kinds, shortened to the lines that decide something.

export const MOUNTINFO = {
  debian: `24 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
25 24 0:23 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
26 25 0:36 / /proc/sys/fs/binfmt_misc rw,relatime shared:13 - autofs systemd-1 rw,fd=29,pgrp=1
27 24 0:24 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
28 27 0:28 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
29 24 8:1 / /media/USB\\040stick rw,nosuid,nodev,relatime shared:20 - vfat /dev/sdb1 rw
`,
  docker: `1045 891 0:82 / / rw,relatime master:378 - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=/u,workdir=/w
1046 1045 0:85 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
1050 1045 0:87 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
1051 1050 0:30 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate
892 1046 0:85 /bus /proc/bus ro,nosuid,nodev,noexec,relatime - proc proc rw
893 1046 0:85 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw
897 1046 0:86 /null /proc/kcore rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
898 1046 0:86 /null /proc/keys rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
`,
  hybrid: `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 27 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`,
  legacy: `27 1 254:0 / / rw,relatime - xfs /dev/mapper/rhel-root rw
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
`,
  // systemd on v2, which still lists its own v1 name hierarchy nowhere.
  alpine: `20 1 8:3 / / rw,relatime - ext4 /dev/sda3 rw
24 20 0:21 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - cgroup2 none rw,nsdelegate
`,
  initramfs: `1 1 0:2 / / rw - rootfs rootfs rw,size=1000k
17 1 0:21 / /proc rw - proc proc rw
`,
  chroot: `60 59 0:23 / /proc rw - proc proc rw
`,
} as const;

export const STATUS = {
  user: "Name:\tbash\nUid:\t1000\t1000\t1000\t1000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n",
  dockerRoot:
    "Name:\tbash\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\n",
  restrictedPod: "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n",
  root: "CapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t0\nSeccomp:\t0\n",
} as const;

export const OS_RELEASE = {
  debian: 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nID=debian\n',
  ubuntu: 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nID=ubuntu\nID_LIKE=debian\n',
  mint: "NAME='Linux Mint'\nPRETTY_NAME='Linux Mint 22'\nID=linuxmint\nID_LIKE='ubuntu debian'\n",
  fedora: 'NAME="Fedora Linux"\nID=fedora\nPRETTY_NAME="Fedora Linux 41 (Workstation Edition)"\n',
  rocky: 'PRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)"\nID="rocky"\nID_LIKE="rhel centos fedora"\n',
  nixos: 'ID=nixos\nPRETTY_NAME="NixOS 24.11 (Vicuna)"\n',
  alpine: 'ID=alpine\nPRETTY_NAME="Alpine Linux v3.20"\n',
} as const;

export const PASSWD = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
# a remark
+nisuser::::::
alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash
1234:x:2000:2000:a numeric name:/home/1234:/bin/sh
broken:x:notanumber:1000::/:/bin/sh
short:x:5
toobig:x:4294967295:0::/:/bin/sh
alice:x:1001:1001:a second one:/home/other:/bin/sh
noshell:x:3000:3000::/home/noshell:
`;

export const GROUP = `root:x:0:
audio:x:29:pulse,alice
alice:x:1000:
video:x:44:alice
malicex:x:45:malice
`;
