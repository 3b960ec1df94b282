// Enters namespaces that are there, then executes PROGRAM, an open descriptor: a process of many threads cannot enter a user namespace,
// and a runtime has them (setns(2)), so it executes this in its own place, to be executed again in there.
//
//   argv: [name, "PROGRAM FD NSTYPE FD NSTYPE ...", words for the program...]
//
// A user namespace comes first: what it grants is what the others ask for. The capabilities that this process got there are made
// ambient, since an execve of one that is not root keeps no others (capabilities(7)). Where a step fails, PROGRAM is executed all
// the same, as `enter-failed STEP ERRNO`: it can say what that means.
#include "waiting.h"

enum { MOST_NAMESPACES = 8, AT_EMPTY_PATH_ = 0x1000, F_SETFD_ = 2, FD_CLOEXEC_ = 1, CLONE_NEWUSER_ = 0x10000000 };
enum { CAPABILITY_VERSION_3 = 0x20080522, PR_CAP_AMBIENT_ = 47, PR_CAP_AMBIENT_RAISE_ = 2, CAPABILITIES = 64 };

// struct __user_cap_header_struct and two of struct __user_cap_data_struct, capget(2).
struct capability_header {
  u32 version;
  s32 pid;
};
struct capability_word {
  u32 effective, permitted, inheritable;
};

__attribute__((noreturn)) static void execute(u64 program, char **argv, char **envp) {
  static const char last_word[] = "sandbox: Cannot execute itself again in other namespaces: its file has gone, or may not be executed\n";
  u64 none = 0;
  SYS4(__NR_rt_sigprocmask, SIG_SETMASK_, &none, 0, SIGSET_BYTES);
  SYS5(__NR_execveat, program, "", argv, envp, AT_EMPTY_PATH_);
  SYS3(__NR_write, 2, last_word, sizeof last_word - 1);
  leave(125);
}

// In decimal, below 10000: an errno is.
static char *number_text(s64 value, char *end) {
  *--end = 0;
  do *--end = (char)('0' + value % 10);
  while ((value /= 10) > 0);
  return end;
}

__attribute__((noreturn)) static void fail(u64 program, char *name, char *step, s64 error, char **envp) {
  char text[8];
  char *argv[] = {name, "enter-failed", step, number_text(-error, text + sizeof text), 0};
  execute(program, argv, envp);
}

static s64 raise_capabilities(void) {
  struct capability_header header = {CAPABILITY_VERSION_3, 0};
  struct capability_word words[2] = {{0, 0, 0}, {0, 0, 0}};
  s64 result = SYS2(__NR_capget, &header, words);
  if (result < 0) return result;
  for (int i = 0; i < 2; i++) words[i].inheritable = words[i].permitted;
  result = SYS2(__NR_capset, &header, words);
  for (u32 i = 0; result >= 0 && i < CAPABILITIES; i++)
    if (words[i / 32].permitted >> i % 32 & 1) result = SYS5(__NR_prctl, PR_CAP_AMBIENT_, PR_CAP_AMBIENT_RAISE_, i, 0, 0);
  return result;
}

__attribute__((used)) void enter_main(u64 *stack) {
  char **argv = (char **)(stack + 1);
  char **envp = argv + stack[0] + 1;
  u64 program = 0;
  char *text = parse_number(argv[1], &program);
  SYS3(__NR_fcntl, program, F_SETFD_, FD_CLOEXEC_);
  for (int i = 0; *text && i < MOST_NAMESPACES; i++) {
    u64 fd = 0, type = 0;
    text = parse_number(parse_number(text, &fd), &type);
    s64 result = SYS2(__NR_setns, fd, type);
    if (result < 0) fail(program, argv[0], type == CLONE_NEWUSER_ ? "user" : "network", result, envp);
    SYS1(__NR_close, fd);
  }
  s64 raised = raise_capabilities();
  if (raised < 0) fail(program, argv[0], "capabilities", raised, envp);
  argv[1] = argv[0];
  execute(program, argv + 1, envp);
}

#if defined(__x86_64__)
__asm__(".text\n.globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call enter_main\n  ud2\n");
#else
__asm__(".text\n.globl _start\n_start:\n  mov x29, xzr\n  mov x30, xzr\n  mov x0, sp\n  bl enter_main\n  brk 1\n");
#endif
