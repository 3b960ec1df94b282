// PID 1 of the sandbox: starts the command, reaps orphans, forwards signals, and exits with the command's status.
// Executed from a sealed memfd, so that /proc/1/exe leads to no file of the user's (CVE-2019-5736).
//
//   argv: [name, "STATUS_FD FLAGS CANDIDATES", candidate paths..., command's argv...]
//
// All signals arrive blocked. The kernel drops what a PID 1 does not handle, but queues what it blocks (kernel/signal.c, sig_ignored()), so
// waiting for them loses none.
#include "waiting.h"

enum { DIRECT = 1, CONTROLLING_TTY = 2 };
enum { F_SETFD_ = 2, FD_CLOEXEC_ = 1, AT_FDCWD_ = -100, TIOCSCTTY_ = 0x540e };
enum { ENOENT_ = 2, EACCES_ = 13, ENOTDIR_ = 20, S_IFMT_ = 0170000, S_IFREG_ = 0100000 };

struct command {
  s64 status_fd;
  u64 flags;
  u64 candidate_count;
  char **candidates;
  char **argv;
  char **envp;
};

static const s64 NEG_EINTR = -4;

static u8 command_stack[8192] __attribute__((aligned(16)));

// struct stat differs between the architectures; struct statx does not (statx(2)): mode is the u16 at 28.
static u32 file_mode(const char *path) {
  u8 buffer[256] = {0};
  if (SYS5(__NR_statx, AT_FDCWD_, path, 0, 2, buffer) < 0) return 0;
  return *(u16 *)(buffer + 28);
}

// What the supervisor needs to tell a missing interpreter from a wrong architecture: the kind of file and its first bytes.
static void report_exec(const struct command *command, u32 index, s64 error) {
  struct report report = {REPORT_EXEC, index, (s32)-error, file_mode(command->candidates[index]), 0, {0}};
  if ((report.mode & S_IFMT_) == S_IFREG_) {
    s64 fd = SYS4(__NR_openat, AT_FDCWD_, command->candidates[index], 0, 0);
    s64 length = fd < 0 ? 0 : SYS3(__NR_read, fd, report.head, sizeof report.head);
    report.length = length < 0 ? 0 : (u32)length;
  }
  SYS3(__NR_write, command->status_fd, &report, sizeof report);
}

// execvp(3)'s search: go on after ENOENT and ENOTDIR, remember an EACCES. A file that exists and still gives ENOENT lacks its interpreter.
static void execute(const struct command *command) {
  s64 error = -ENOENT_;
  u32 index = 0;
  for (u32 i = 0; i < command->candidate_count; i++) {
    s64 result = SYS3(__NR_execve, command->candidates[i], command->argv, command->envp);
    int absent = (result == -ENOENT_ && file_mode(command->candidates[i]) == 0) || result == -ENOTDIR_;
    if (absent) continue;
    error = result;
    index = i;
    if (result != -EACCES_) break;
  }
  report_exec(command, index, error);
  leave(error == -ENOENT_ ? 127 : 126);
}

// In a session of its own with the terminal as controlling one, or in a process group of its own: kill(0, sig) by the
// command must not reach PID 1, and a group whose leader's parent is in the same session can be stopped (setpgid(2), orphaned groups).
static void command_main(void *argument) {
  const struct command *command = argument;
  u64 none = 0;
  if (command->flags & CONTROLLING_TTY) {
    SYS0(__NR_setsid); // EPERM where PID 1 itself becomes the command: it leads a session already
    SYS3(__NR_ioctl, 0, TIOCSCTTY_, 0);
  } else {
    SYS2(__NR_setpgid, 0, 0);
  }
  SYS4(__NR_rt_sigprocmask, SIG_SETMASK_, &none, 0, SIGSET_BYTES);
  execute(command);
}

static void reap(s64 command_pid) {
  u32 status = 0;
  s64 pid;
  while ((pid = SYS4(__NR_wait4, -1, &status, WNOHANG_, 0)) > 0)
    if (pid == command_pid) leave(exit_code(status));
}

// The supervisor marks a signal that its terminal sent to a whole foreground group (SI_QUEUE with value 1, from outside
// of this PID namespace, hence pid 0): it goes to the command's group.
static void forward(s64 command_pid, const struct siginfo *info) {
  int group = info->code == SI_QUEUE_ && info->pid == 0 && (info->value & 0xffffffff) == 1;
  SYS2(__NR_kill, group ? -command_pid : command_pid, info->signo);
}

static void supervise(s64 command_pid) {
  u64 all = ~0UL;
  struct siginfo info;
  for (;;) {
    s64 signo = SYS4(__NR_rt_sigtimedwait, &all, &info, 0, SIGSET_BYTES);
    if (signo == SIGCHLD_) reap(command_pid);
    else if (signo > 0) forward(command_pid, &info);
    else if (signo != NEG_EINTR) leave(125); // denied by the command's seccomp profile
  }
}

__attribute__((used)) void init_main(u64 *stack) {
  u64 argc = stack[0], status_fd = 0;
  char **argv = (char **)(stack + 1);
  struct command command = {0, 0, 0, argv + 2, 0, argv + argc + 1};
  char *text = parse_number(argv[1], &status_fd);
  text = parse_number(text, &command.flags);
  parse_number(text, &command.candidate_count);
  command.status_fd = (s64)status_fd;
  command.argv = command.candidates + command.candidate_count;
  SYS3(__NR_fcntl, command.status_fd, F_SETFD_, FD_CLOEXEC_);
  if (command.flags & DIRECT) command_main(&command);
  SYS2(__NR_prctl, PR_SET_NAME_, "sandbox-init");
  // clone(CLONE_VM | CLONE_VFORK | SIGCHLD): this process sleeps until the command's execve.
  s64 pid = clone_call(__NR_clone, 0x100 | 0x4000 | SIGCHLD_, (u64)(command_stack + sizeof command_stack), 0, 0, 0,
                       command_main, &command);
  if (pid < 0) {
    u32 report[5] = {REPORT_INIT, 0, (u32)-pid, 0, 0};
    SYS3(__NR_write, command.status_fd, report, sizeof report);
    leave(125);
  }
  SYS3(__NR_close_range, 0, ~0U, 0);
  supervise(pid);
}

#if defined(__x86_64__)
__asm__(".text\n.globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call init_main\n  ud2\n");
#else
__asm__(".text\n.globl _start\n_start:\n  mov x29, xzr\n  mov x30, xzr\n  mov x0, sp\n  bl init_main\n  brk 1\n");
#endif
