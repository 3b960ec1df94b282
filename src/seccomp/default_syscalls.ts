// Which calls the default profile lets through: in effect Docker's (moby/profiles, seccomp/default_linux.go) for the
// machines we run on, laid out by subject. What is not here is denied. Names that an architecture lacks are passed over.

/** Allowed whatever the arguments and the capabilities are. */
export const ALWAYS_ALLOWED: Readonly<Record<string, string>> = {
  "open and close": `open openat openat2 creat close close_range dup dup2 dup3 fcntl fcntl64 name_to_handle_at umask`,
  "read and write": `read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek _llseek readahead
    fadvise64 fadvise64_64 arm_fadvise64_64 sendfile sendfile64 copy_file_range splice tee vmsplice pipe pipe2
    sync syncfs fsync fdatasync sync_file_range arm_sync_file_range sync_file_range2 cachestat`,
  "file sizes and locks": `truncate truncate64 ftruncate ftruncate64 fallocate flock`,
  "names in folders": `access faccessat faccessat2 chdir fchdir getcwd link linkat symlink symlinkat readlink readlinkat
    mkdir mkdirat mknod mknodat rmdir unlink unlinkat rename renameat renameat2 getdents getdents64`,
  "owners, modes and times": `chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32
    utime utimes futimesat utimensat utimensat_time64`,
  "what a file is": `stat stat64 fstat fstat64 lstat lstat64 newfstatat fstatat64 statx statfs statfs64 fstatfs
    fstatfs64 statmount listmount`,
  "extended attributes": `getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat listxattr
    llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat`,
  "waiting for events": `poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create epoll_create1
    epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4
    inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark`,
  "asynchronous I/O (not io_uring)": `io_setup io_submit io_cancel io_destroy io_getevents io_pgetevents
    io_pgetevents_time64 ioprio_get ioprio_set`,
  devices: `ioctl`,
  memory: `brk mmap mmap2 munmap mremap remap_file_pages mprotect pkey_mprotect pkey_alloc pkey_free madvise mincore
    mlock mlock2 mlockall munlock munlockall msync mseal map_shadow_stack memfd_create memfd_secret membarrier`,
  "System V and POSIX IPC": `ipc semget semop semctl semtimedop semtimedop_time64 shmget shmat shmctl shmdt msgget msgctl
    msgsnd msgrcv mq_open mq_unlink mq_notify mq_getsetattr mq_timedsend mq_timedsend_time64 mq_timedreceive
    mq_timedreceive_time64`,
  // The arguments of i386's socketcall(2) are behind a pointer, where no filter can look: a 32-bit program can open through
  // it a socket of any family. Docker allows it all the same, since older 32-bit C libraries have no other way to a socket.
  sockets: `accept accept4 bind connect listen shutdown socketpair getpeername getsockname getsockopt setsockopt send
    sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64 socketcall`,
  "processes and threads": `fork vfork execve execveat exit exit_group wait4 waitid waitpid pidfd_open
    pidfd_send_signal process_mrelease set_tid_address set_robust_list get_robust_list set_thread_area get_thread_area
    rseq arch_prctl modify_ldt set_tls prctl seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
    uretprobe cacheflush breakpoint`,
  futexes: `futex futex_time64 futex_wait futex_waitv futex_wake futex_requeue`,
  signals: `alarm pause kill tkill tgkill sigaltstack sigprocmask sigreturn rt_sigaction rt_sigpending rt_sigprocmask
    rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo restart_syscall`,
  "who a process is": `getpid getppid gettid getpgid getpgrp setpgid getsid setsid capget capset getuid getuid32 geteuid
    geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid getresgid32 getgroups getgroups32 setuid
    setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32 setresgid setresgid32 setfsuid
    setfsuid32 setfsgid setfsgid32 setgroups setgroups32`,
  "limits and scheduling": `getrlimit ugetrlimit setrlimit prlimit64 getrusage times getpriority setpriority getcpu
    sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
    sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval
    sched_rr_get_interval_time64`,
  // Setting the clock by adjtimex and clock_adjtime still asks for CAP_SYS_TIME in the initial user namespace.
  clocks: `time gettimeofday adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime
    clock_gettime64 clock_nanosleep clock_nanosleep_time64 nanosleep getitimer setitimer timer_create timer_delete
    timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
    timerfd_gettime64 timerfd_settime timerfd_settime64`,
  "the system": `uname sysinfo getrandom`,
  // Before Linux 4.8 a tracer could change a call after the filter had seen it; we ask for 5.12.
  debugging: `ptrace process_vm_readv process_vm_writev`,
};

/** Allowed with the capability. */
export const ALLOWED_WITH: Readonly<Record<string, string>> = {
  CAP_BPF: `bpf`,
  CAP_DAC_READ_SEARCH: `open_by_handle_at`,
  CAP_PERFMON: `perf_event_open`,
  CAP_SYSLOG: `syslog`,
  CAP_SYS_ADMIN: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr
    lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd
    setdomainname sethostname setns syslog umount umount2 unshare`,
  CAP_SYS_BOOT: `reboot`,
  CAP_SYS_CHROOT: `chroot`,
  CAP_SYS_MODULE: `delete_module finit_module init_module`,
  CAP_SYS_NICE: `get_mempolicy mbind set_mempolicy set_mempolicy_home_node`,
  CAP_SYS_PACCT: `acct`,
  CAP_SYS_PTRACE: `kcmp pidfd_getfd process_madvise`,
  CAP_SYS_RAWIO: `ioperm iopl`,
  CAP_SYS_TIME: `clock_settime clock_settime64 settimeofday stime`,
  CAP_SYS_TTY_CONFIG: `vhangup`,
};
