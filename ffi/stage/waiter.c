// What remains of the supervisor when all that is left to do is to wait: the `sandbox` process executes this in its own
// place, same pid, same children. Forwards signals, and exits with the sandbox's status.
//
//   argv: [name, "PID PIDFD FLAGS PIPE STATUS PROGRAM NETWORK CONTROL ENDING", "run", arguments...]
//   envp: [what the network stack needs to know, if there is a NETWORK; what is to be done at the end, if there is an ENDING; the
//          environment of whoever is to take over]
//
// PIPE holds the signals that came while this program took its place, as records {signo, si_code}. STATUS is the pipe on which
// the sandbox tells that its command runs; where it cannot, PROGRAM, the supervisor's own executable, takes over again and says why.
// NETWORK is the socket that the sandbox's network device comes by: with its first frame PROGRAM takes over as well (first_frame.h),
// or when somebody asks at CONTROL. With ENDING, PROGRAM also takes over when the sandbox has ended: to say why, and what it has
// used (src/supervisor/ending.ts). What there is not is 0.
#include "first_frame.h"

// src/supervisor/deadline.ts, FLAG. TIMED: SIGALRM of the kernel's is our own timer's, which execve(2) has kept.
enum { SHARED_SESSION = 1, TIMED = 2, EXPIRED = 4, TIMED_OUT = 124 };
enum { WALL_ = 0x40000000, READY_BYTES = 4, CLOSE_RANGE_CLOEXEC_ = 4, O_CLOEXEC_ = 02000000 };
// SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM: what ends a process that does not know them, of those that are forwarded.
enum { ENDING_SIGNALS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 9 | 1 << 11 | 1 << 13 | 1 << 14 };
// All that are forwarded: SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU and SIGWINCH too (executor.c, FORWARDED).
enum { FORWARDED_SIGNALS = ENDING_SIGNALS | 1 << 17 | 1 << 19 | 1 << 20 | 1 << 21 | 1 << 27 };
static const char DEV_NULL[] = "/dev/null";

static u64 flags;

// Comes back only where it fails; then the status is all that is told.
static void end_by(const struct network *network, int code, char **words) {
  char status[24], *envp[] = {network->ending, 0}, **argv = words - 1;
  u64 none = 0;
  put_number(status, (u64)code);
  argv[0] = words[0];
  argv[1] = "run-ended";
  argv[2] = status;
  SYS4(__NR_rt_sigprocmask, SIG_SETMASK_, &none, 0, SIGSET_BYTES);
  SYS5(__NR_execveat, network->program, "", argv, envp, AT_EMPTY_PATH_);
}

// Beside the sandbox there may be a child that has taken down this process's former memory (executor.c, linger_main).
static void reap(const struct network *network, u64 pid, char **words) {
  u32 status = 0;
  s64 ended;
  while ((ended = SYS4(__NR_wait4, -1, &status, WNOHANG_ | WALL_, 0)) > 0) {
    if (ended != (s64)pid) continue;
    int code = flags & EXPIRED ? TIMED_OUT : exit_code(status);
    if (network->ending) end_by(network, code, words);
    leave(code);
  }
}

static int stops_a_job(s64 signo) { return signo == SIGTSTP_ || signo == SIGTTIN_ || signo == SIGTTOU_; }

// A terminal signals the whole foreground group (si_code > 0: sent by the kernel). A command in a session of its own is
// not in it, so its group is told (value 1, see init.c); one that shares ours has been told by the terminal already.
static void forward(u64 pidfd, const struct siginfo *info) {
  int from_kernel = info->code > 0;
  if (from_kernel && info->signo == SIGALRM_ && (flags & TIMED)) {
    SYS4(__NR_pidfd_send_signal, pidfd, flags & EXPIRED ? SIGKILL_ : SIGTERM_, 0, 0);
    flags |= EXPIRED;
    return;
  }
  int group = from_kernel || info->signo == SIGCONT_;
  struct siginfo marked = {info->signo, 0, SI_QUEUE_, 0, 0, 0, 1, {0}};
  if (!(from_kernel && (flags & SHARED_SESSION))) SYS4(__NR_pidfd_send_signal, pidfd, info->signo, group ? &marked : 0, 0);
  if (from_kernel && stops_a_job(info->signo)) SYS2(__NR_kill, SYS0(__NR_getpid), SIGSTOP_);
}

static void forward_recorded(u64 pipe, u64 pidfd) {
  s32 record[2];
  while (SYS3(__NR_read, pipe, record, sizeof record) == sizeof record) {
    struct siginfo info = {record[0], 0, record[1], 0, 0, 0, 0, {0}};
    forward(pidfd, &info);
  }
  SYS1(__NR_close, pipe);
}

// A signal that comes before "ready" is not for the command: it ends this process, and with it the sandbox, be it that a mount hangs.
// Signals stay blocked, since the kernel ends a process at once by one that is not (kernel/signal.c, complete_signal()), and
// "ready" may be there: a signalfd(2) tells of them without taking them.
static void await_ready(u64 status) {
  u64 ending = ENDING_SIGNALS;
  s64 signals = SYS4(__NR_signalfd4, -1, &ending, SIGSET_BYTES, O_CLOEXEC_);
  struct pollfd polled[2] = {{(s32)status, POLLIN_, 0}, {(s32)signals, POLLIN_, 0}};
  while (SYS4(__NR_ppoll, polled, 2, 0, 0) <= 0);
  if (!polled[0].revents) {
    struct siginfo info;
    leave(128 + (int)SYS4(__NR_rt_sigtimedwait, &ending, &info, 0, SIGSET_BYTES));
  }
  if (signals >= 0) SYS1(__NR_close, signals);
}

// "ready" and nothing more, src/launch/await_exec.ts. What comes after "ready" waits until the command, or why there is none, is known.
static int command_runs(u64 status) {
  u32 report[3] = {0};
  await_ready(status);
  s64 length = SYS3(__NR_read, status, report, sizeof report);
  return length == READY_BYTES && report[0] == 0 && SYS3(__NR_read, status, report, sizeof report) == 0;
}

// Nothing has run inside yet, so the whole start may be repeated, by a program that can explain what it meets.
static void take_over(u64 pid, u64 program, char **argv, char **envp) {
  u64 none = 0;
  argv[1] = argv[0];
  argv[2] = "run-again";
  SYS2(__NR_kill, pid, SIGKILL_);
  while (SYS4(__NR_wait4, -1, 0, WALL_, 0) > 0);
  SYS4(__NR_rt_sigprocmask, SIG_SETMASK_, &none, 0, SIGSET_BYTES);
  SYS3(__NR_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC_);
  SYS5(__NR_execveat, program, "", argv + 1, envp, AT_EMPTY_PATH_);
  leave(125);
}

// The caller's environment was for take_over: whoever may look at this process need not find it.
static void forget(char **envp) {
  for (; *envp; envp++)
    for (char *at = *envp; *at; at++) *at = 0;
}

// The command's standard streams are its own to close: a reader at the other end waits for the last copy. The stack says on standard
// error what it has blocked, and the end what it was due to.
static void let_go_of_streams(const struct network *network) {
  if (network->tap < 0 && !network->ending) {
    SYS3(__NR_close_range, 0, 2, 0);
    return;
  }
  SYS3(__NR_close_range, 0, 1, 0);
  for (int fd = 0; fd < 2; fd++) SYS4(__NR_openat, 0, DEV_NULL, O_RDWR_, 0);
}

// Signals that are blocked wait for the stack, which has nothing to lose them by; others are a runtime's own business.
static void hand_over(const struct network *network, s64 length, u64 pid, u64 pidfd, char **argv) {
  u64 forwarded = FORWARDED_SIGNALS, all = ~0UL;
  static const char failure[] = "sandbox: the network of this sandbox can't be served any more: its program could not be executed\n";
  SYS4(__NR_rt_sigprocmask, SIG_SETMASK_, &forwarded, 0, SIGSET_BYTES);
  start_stack(network, length, pid, pidfd, flags, argv);
  SYS4(__NR_rt_sigprocmask, SIG_SETMASK_, &all, 0, SIGSET_BYTES);
  SYS3(__NR_write, 2, failure, sizeof failure - 1);
}

static void hand_over_or_go_on(struct network *network, s64 length, u64 pid, u64 pidfd, char **argv) {
  if (length == NOTHING) return;
  hand_over(network, length, pid, pidfd, argv);
  network->tap = -1;
}

// A signal is taken before what it tells of is looked at: a child that ends in between has sent another one.
static void await_end(struct network *network, u64 pid, u64 pidfd, char **argv) {
  u64 all = ~0UL;
  struct { u64 seconds, nanoseconds; } at_once = {0, 0};
  struct siginfo info;
  s64 signals = network->tap < 0 ? -1 : SYS4(__NR_signalfd4, -1, &all, SIGSET_BYTES, O_CLOEXEC_);
  // Even one that has ended may have left something to be passed on.
  hand_over_or_go_on(network, network->tap < 0 ? NOTHING : next_asking(network), pid, pidfd, argv);
  reap(network, pid, argv);
  for (;;) {
    hand_over_or_go_on(network, await_frame(network, signals), pid, pidfd, argv);
    s64 signo = SYS4(__NR_rt_sigtimedwait, &all, &info, network->tap < 0 ? 0 : &at_once, SIGSET_BYTES);
    if (signo == SIGCHLD_) reap(network, pid, argv);
    else if (signo > 0 && signo != SIGPIPE_) forward(pidfd, &info);
  }
}

__attribute__((used)) void waiter_main(u64 *stack) {
  char **argv = (char **)(stack + 1), **envp = argv + stack[0] + 1;
  u64 pid = 0, pidfd = 0, pipe = 0, status = 0, program = 0, socket = 0, control = 0, ending = 0, all = ~0UL;
  char *text = parse_number(parse_number(parse_number(parse_number(argv[1], &pid), &pidfd), &flags), &pipe);
  text = parse_number(parse_number(parse_number(text, &status), &program), &socket);
  parse_number(parse_number(text, &control), &ending);
  struct network network = {-1, control ? (s64)control : -1, program, 0, 0};
  if (socket) network.inputs = *envp++;
  if (ending) network.ending = *envp++;
  SYS4(__NR_rt_sigprocmask, SIG_SETMASK_, &all, 0, SIGSET_BYTES);
  SYS2(__NR_prctl, PR_SET_NAME_, "sandbox");
  if (status) {
    if (!command_runs(status)) take_over(pid, program, argv, envp);
    forget(envp);
    SYS1(__NR_close, status);
  }
  if (socket) network.tap = receive_descriptor(socket);
  else if (program && !ending) SYS1(__NR_close, program);
  let_go_of_streams(&network);
  forward_recorded(pipe, pidfd);
  await_end(&network, pid, pidfd, argv);
}

#if defined(__x86_64__)
__asm__(".text\n.globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call waiter_main\n  ud2\n");
#else
__asm__(".text\n.globl _start\n_start:\n  mov x29, xzr\n  mov x30, xzr\n  mov x0, sp\n  bl waiter_main\n  brk 1\n");
#endif
