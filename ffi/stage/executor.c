// The executor: performs a plan in a freshly cloned child, without a single instruction of JavaScript in it.
//
// Loaded as a flat, position-independent image: [code, read-only][page boundary][data]. The host process maps it and
// calls `stage_syscall` and `stage_launch` by the offsets in the table at its start.
//
// The child shares the host's memory (CLONE_VM) but not its descriptor table, signal table or anything else. It has a stack of its
// own, given by the host, reads the plan, and leaves by execve or exit; the host must keep plan and stack in place until then.
#include "sys.h"

enum { MAX_TOLERATED = 4, MAX_REGISTERS = 256, NO_REGISTER = 0xffff };

// One step of a register program. Argument i is the content of register args[i] where bit i of `registers` is set. A
// tolerated error also leaves out the `skip` steps that come next: those that would have used the result.
// 80 bytes; laid out in src/launch/encode_plan.ts.
struct step {
  u32 nr;
  u16 out;
  u16 registers;
  s32 tolerated[MAX_TOLERATED];
  u64 args[6];
  u32 skip;
  u32 reserved;
};

// A run of steps in memory. A plan is one or many of them, performed in order.
struct segment {
  u64 steps;
  u64 count;
};

// Instructions of our own beside the system calls. BOUND drops every capability from the bounding set that is not in the
// 64-bit mask of its first two arguments (one prctl(2) for each; EINVAL: this kernel knows no further one). LOAD gives the signed 32-bit value at an address: with it
// a program takes a netlink acknowledgement's error as its own. STORE puts a register's low 32 bits there: a descriptor into an SCM_RIGHTS message.
// PLACE gives an O_PATH descriptor of a path inside a root, which it makes, with its parents, where it is missing. LAUNCH is
// stage_launch. PERFORM, for stage_syscall alone, performs steps in the host itself.
enum { OP_LOAD = 0xffff0001, OP_STORE = 0xffff0002, OP_BOUND = 0xffff0003, OP_PLACE = 0xffff0004, OP_LAUNCH = 0xffff0005,
       OP_PERFORM = 0xffff0006 };
enum { PR_CAPBSET_DROP_ = 24, CAPABILITIES = 64 };

// clone3(2) argument block, first published size and up to `cgroup`.
struct clone_args {
  u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

struct launch {
  u64 clone_flags;
  u64 segments;
  u64 stack;     // lowest address of the child's stack
  u32 stack_size;
  u32 released;  // how many segments the child may perform; grows while it runs, a futex(2) word
  s32 status_fd;
  s32 cgroup_fd;
  u32 catch_signals; // install stage_on_signal in the host
  s32 pidfd;      // out
  u32 used_clone; // out: clone3 answered ENOSYS
};

static const u64 FLAG_VM = 0x100, FLAG_PIDFD = 0x1000, FLAG_INTO_CGROUP = 0x200000000UL;
static const s64 NEG_ENOSYS = -38, NEG_EINVAL = -22, NEG_ENOENT = -2, NEG_EAGAIN = -11, NEG_EEXIST = -17;
static const s64 NEG_ENAMETOOLONG = -36;
enum { PLACE_FILE = 1, PATH_MAX_ = 4096 };
enum { O_CREAT_ = 0100, O_NOCTTY_ = 0400, O_NONBLOCK_ = 04000, O_CLOEXEC_ = 02000000, O_PATH_ = 010000000 };
enum { RESOLVE_NO_MAGICLINKS_ = 2, RESOLVE_IN_ROOT_ = 16 };
enum { PR_SET_PDEATHSIG_ = 1, FUTEX_WAIT_PRIVATE_ = 128, POLLERR_ = 8 };
// Some 50 microseconds: less than a sleep and a wake-up cost, and most plans are complete by then.
enum { SPINS = 1000 };

// Where signals to the host go while it launches and supervises. `pipe` is set by the host; `started` by the child, whose memory
// this is too, as its last act before the command can run: until then a signal ends the host, and with it the child.
struct { s32 pipe; volatile u32 started; } signal_state;
static const u8 FORWARDED[] = {1, 2, 3, 10, 12, 14, 15, 18, 20, 21, 22, 28};

static int is_tolerated(const struct step *step, s64 result) {
  for (int i = 0; i < MAX_TOLERATED; i++)
    if (step->tolerated[i] && -step->tolerated[i] == result) return 1;
  return 0;
}

static s64 bound_capabilities(u64 kept) {
  for (u64 capability = 0; capability < CAPABILITIES; capability++) {
    if ((kept >> capability) & 1) continue;
    s64 result = SYS2(__NR_prctl, PR_CAPBSET_DROP_, capability);
    if (result == NEG_EINVAL) break;
    if (result < 0) return result;
  }
  return 0;
}

struct open_how { u64 flags, mode, resolve; };

// What a hostile image has put on the way leads nowhere but to a place inside its own root (openat2(2)). EAGAIN: something
// was renamed meanwhile, and the kernel could not be sure.
static s64 open_in_root(s64 root, const char *path, u64 flags, u64 mode) {
  struct open_how how = {flags | O_CLOEXEC_, mode, RESOLVE_IN_ROOT_ | RESOLVE_NO_MAGICLINKS_};
  s64 fd = NEG_EAGAIN;
  for (int attempt = 0; attempt < 10 && fd == NEG_EAGAIN; attempt++) fd = SYS4(__NR_openat2, root, path, &how, sizeof how);
  return fd;
}

static s64 make_folder(s64 root, const char *parent, const char *name) {
  s64 at = *parent ? open_in_root(root, parent, O_PATH_, 0) : root;
  if (at < 0) return at;
  s64 result = SYS3(__NR_mkdirat, at, name, 0755);
  if (at != root) SYS1(__NR_close, at);
  return result;
}

// O_CREAT follows a symbolic link to where it leads inside the root and makes the file there.
static s64 make_file(s64 root, const char *path) {
  s64 fd = open_in_root(root, path, O_CREAT_ | O_NONBLOCK_ | O_NOCTTY_, 0644);
  if (fd >= 0) SYS1(__NR_close, fd);
  return fd;
}

static s64 make_place(s64 root, const char *path, u64 kind) {
  s64 fd = open_in_root(root, path, O_PATH_, 0);
  if (fd != NEG_ENOENT) return fd;
  char part[PATH_MAX_];
  u64 length = 0;
  for (; path[length]; length++) {
    if (length + 1 == sizeof part) return NEG_ENAMETOOLONG;
    part[length] = path[length];
  }
  for (u64 name = 0, end; name < length; name = end + 1) {
    for (end = name; end < length && part[end] != '/'; end++);
    if (end == name) continue;
    if (name) part[name - 1] = 0;
    part[end] = 0;
    int as_file = end == length && kind == PLACE_FILE;
    s64 made = as_file ? make_file(root, path) : make_folder(root, name ? part : "", part + name);
    if (made < 0 && made != NEG_EEXIST) return made;
    if (name) part[name - 1] = '/';
    part[end] = '/';
  }
  return open_in_root(root, path, O_PATH_, 0);
}

s64 stage_launch(struct launch *launch);

static s64 perform(const struct step *step, s64 *registers) {
  u64 a[6];
  for (int i = 0; i < 6; i++) a[i] = (step->registers >> i) & 1 ? (u64)registers[step->args[i] & 0xff] : step->args[i];
  if (step->nr == OP_LOAD) return *(volatile s32 *)a[0];
  if (step->nr == OP_STORE) {
    *(volatile u32 *)a[0] = (u32)a[1];
    return 0;
  }
  if (step->nr == OP_BOUND) return bound_capabilities((a[0] & 0xffffffff) | a[1] << 32);
  if (step->nr == OP_LAUNCH) return stage_launch((struct launch *)a[0]);
  if (step->nr == OP_PLACE) return make_place((s64)a[0], (const char *)a[1], a[2]);
  return sys(step->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

// An ignored signal stays ignored across execve (signal(7)), and Bun and many callers ignore some.
static void default_dispositions(void) {
  struct { u64 handler, flags, restorer, mask; } action = {0, 0, 0, 0};
  for (int sig = 1; sig <= SIGNALS; sig++) SYS4(__NR_rt_sigaction, sig, &action, 0, SIGSET_BYTES);
}

static u32 released(const struct launch *launch) { return __atomic_load_n(&launch->released, __ATOMIC_ACQUIRE); }

// The host writes its plan while the child performs the beginning of it. It may also die, before it could be heard of by
// PR_SET_PDEATHSIG or after: a status pipe without a reader tells of the first (the plan has closed the child's own copy).
static void await_segment(const struct launch *launch, u32 segment) {
  SYS2(__NR_prctl, PR_SET_PDEATHSIG_, SIGKILL_);
  struct { s32 fd; u16 events, revents; } status = {launch->status_fd, 0, 0};
  struct { u64 seconds, nanoseconds; } at_once = {0, 0};
  SYS5(__NR_ppoll, &status, 1, &at_once, 0, 0);
  if (status.revents & POLLERR_) leave(125);
  for (u32 spin = 0; spin < SPINS && released(launch) <= segment; spin++) relax();
  for (u32 seen; (seen = released(launch)) <= segment;)
    SYS4(__NR_futex, &launch->released, FUTEX_WAIT_PRIVATE_, seen, 0);
}

static void report_step(const struct launch *launch, u32 index, s64 result) {
  u32 report[5] = {REPORT_STEP, index, (u32)-result, 0, 0};
  SYS3(__NR_write, launch->status_fd, report, sizeof report);
  leave(125);
}

// The last step of the last segment executes PID 1, or fails.
static void child_main(void *argument) {
  const struct launch *launch = argument;
  const struct segment *segments = (const struct segment *)launch->segments;
  s64 registers[MAX_REGISTERS];
  u32 before = 0;
  default_dispositions();
  for (u32 s = 0;; s++) {
    if (released(launch) <= s) await_segment(launch, s);
    const struct step *steps = (const struct step *)segments[s].steps;
    u32 count = (u32)segments[s].count;
    for (u32 i = 0; i < count; i++) {
      const struct step *step = &steps[i];
      s64 result = perform(step, registers);
      if (step->out != NO_REGISTER) registers[step->out & 0xff] = result;
      if (result >= 0 || result < -4095) continue;
      if (!is_tolerated(step, result)) report_step(launch, before + i, result);
      i += step->skip;
    }
    before += count;
  }
}

// A launch without segments: a child that does nothing but keep the host's memory, until the host has executed another program
// and so let go of a pipe's other end. Whoever is the last to leave an address space takes it down, and that of a
// JavaScript runtime takes half a millisecond: so the host need not, while its command runs.
static void linger_main(void *argument) {
  s32 fd = ((const struct launch *)argument)->status_fd;
  u8 byte;
  if (fd > 0) SYS3(__NR_close_range, 0, fd - 1, 0);
  SYS3(__NR_close_range, fd + 1, ~0U, 0);
  SYS3(__NR_read, fd, &byte, 1);
  leave(0);
}

// clone(2): x86-64 passes (flags, stack, parent_tid, child_tid, tls), aarch64 (flags, stack, parent_tid, tls, child_tid);
// with the last two unused the order is the same. CLONE_PIDFD stores through parent_tid.
static s64 start_child(struct launch *launch) {
  struct clone_args args = {0};
  void (*child)(void *) = launch->segments ? child_main : linger_main;
  args.flags = launch->clone_flags | FLAG_VM | FLAG_PIDFD;
  args.pidfd = (u64)&launch->pidfd;
  args.exit_signal = SIGCHLD_;
  args.stack = launch->stack;
  args.stack_size = launch->stack_size;
  if (launch->cgroup_fd >= 0) {
    args.flags |= FLAG_INTO_CGROUP;
    args.cgroup = (u64)launch->cgroup_fd;
  }
  s64 pid = clone_call(__NR_clone3, (u64)&args, sizeof args, 0, 0, 0, child, launch);
  if (pid != NEG_ENOSYS || launch->cgroup_fd >= 0) return pid;
  launch->used_clone = 1;
  return clone_call(__NR_clone, launch->clone_flags | FLAG_VM | FLAG_PIDFD | SIGCHLD_,
                    launch->stack + launch->stack_size, (u64)&launch->pidfd, 0, 0, child, launch);
}

void stage_on_signal(int signo, const s32 *siginfo, void *context);
__attribute__((visibility("hidden"))) void stage_restorer(void);

static const u64 SA_SIGINFO_RESTORER_RESTART = 0x14000004;

static void catch_signals(void) {
  // One by one: a constant structure with addresses in it would need relocation.
  volatile struct { u64 handler, flags, restorer, mask; } action;
  action.handler = (u64)stage_on_signal;
  action.flags = SA_SIGINFO_RESTORER_RESTART;
  action.restorer = (u64)stage_restorer;
  action.mask = 0;
  for (u32 i = 0; i < sizeof FORWARDED; i++) SYS4(__NR_rt_sigaction, FORWARDED[i], &action, 0, SIGSET_BYTES);
}

// Signals stay blocked in the child until the command's execve, so that none is lost or handled by half a process.
s64 stage_launch(struct launch *launch) {
  u64 all = ~0UL, before = 0;
  SYS4(__NR_rt_sigprocmask, SIG_SETMASK_, &all, &before, SIGSET_BYTES);
  if (launch->catch_signals) catch_signals();
  s64 pid = start_child(launch);
  SYS4(__NR_rt_sigprocmask, SIG_SETMASK_, &before, 0, SIGSET_BYTES);
  return pid;
}

// No result is a failure here: the host reads them all from its registers.
static s64 perform_here(const struct step *steps, u32 count, s64 *registers) {
  for (u32 i = 0; i < count; i++) {
    s64 result = perform(&steps[i], registers);
    if (steps[i].out != NO_REGISTER) registers[steps[i].out & 0xff] = result;
    if (is_tolerated(&steps[i], result)) i += steps[i].skip;
  }
  return 0;
}

s64 stage_syscall(s64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  if (nr == OP_PERFORM) return perform_here((const struct step *)a, (u32)b, (s64 *)c);
  return sys(nr, a, b, c, d, e, f);
}

// A handler that JavaScript can't be: async-signal-safe, in whatever thread of the host's. One record {signo, si_code} a
// signal into the pipe that is read by an event loop, or by the waiter that takes the host's place.
void stage_on_signal(int signo, const s32 *siginfo, void *context) {
  (void)context;
  if (!signal_state.started && signo != SIGCONT_ && signo != SIGWINCH_) SYS1(__NR_exit_group, 128 + signo);
  s32 record[2] = {signo, siginfo[2]};
  SYS3(__NR_write, signal_state.pipe, record, sizeof record);
}

#if defined(__x86_64__)
__asm__(".pushsection .text\n.globl stage_restorer\nstage_restorer:\n  mov $15, %eax\n  syscall\n.popsection\n");
#else
__asm__(".pushsection .text\n.globl stage_restorer\nstage_restorer:\n  mov x8, #139\n  svc 0\n.popsection\n");
#endif

__asm__(
    ".pushsection .head, \"a\"\n.globl image_table\nimage_table:\n"
    "  .long stage_syscall - image_table\n"
    "  .long stage_launch - image_table\n"
    "  .long stage_on_signal - image_table\n"
    "  .long stage_restorer - image_table\n"
    "  .long signal_state - image_table\n"
    "  .long image_code_end - image_table\n"
    "  .long image_end - image_table\n"
    "  .long 0\n"
    ".popsection\n");
