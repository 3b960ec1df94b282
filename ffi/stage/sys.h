// The kernel's calling convention and nothing else: no libc, no TLS, no errno. Shared by the stages.
// A result in [-4095, -1] is a negated errno (syscall(2), "Architecture calling conventions").
#ifndef SANDBOX_SYS_H
#define SANDBOX_SYS_H

#include <asm/unistd.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed short s16;
typedef int s32;
typedef long s64;

#if defined(__x86_64__)

static inline s64 sys(s64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  register u64 r10 __asm__("r10") = d;
  register u64 r8 __asm__("r8") = e;
  register u64 r9 __asm__("r9") = f;
  s64 r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return r;
}

static inline void relax(void) { __asm__ volatile("pause"); }

// Performs `nr(a, b, c, d, e)`, a clone(2) or clone3(2) that gives the child a stack of its own; the child calls
// `fn(arg)`, which does not return. Written in assembly since the child has no frame to return to.
s64 clone_call(s64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, void (*fn)(void *), void *arg);
__asm__(
    ".text\n.globl clone_call\n.hidden clone_call\n.type clone_call, @function\nclone_call:\n"
    "  push %rbx\n  push %r12\n"
    "  mov %rdi, %rax\n  mov %rsi, %rdi\n  mov %rdx, %rsi\n  mov %rcx, %rdx\n  mov %r8, %r10\n  mov %r9, %r8\n"
    "  mov 24(%rsp), %rbx\n  mov 32(%rsp), %r12\n"
    "  syscall\n"
    "  test %rax, %rax\n  jz 1f\n"
    "  pop %r12\n  pop %rbx\n  ret\n"
    "1: xor %ebp, %ebp\n  mov %r12, %rdi\n  call *%rbx\n  ud2\n");

#elif defined(__aarch64__)

static inline s64 sys(s64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  register s64 x8 __asm__("x8") = nr;
  register u64 x0 __asm__("x0") = a;
  register u64 x1 __asm__("x1") = b;
  register u64 x2 __asm__("x2") = c;
  register u64 x3 __asm__("x3") = d;
  register u64 x4 __asm__("x4") = e;
  register u64 x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return (s64)x0;
}

static inline void relax(void) { __asm__ volatile("yield"); }

s64 clone_call(s64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, void (*fn)(void *), void *arg);
__asm__(
    ".text\n.globl clone_call\n.hidden clone_call\n.type clone_call, %function\nclone_call:\n"
    "  mov x8, x0\n  mov x0, x1\n  mov x1, x2\n  mov x2, x3\n  mov x3, x4\n  mov x4, x5\n"
    "  mov x9, x6\n  mov x10, x7\n"
    "  svc 0\n"
    "  cbz x0, 1f\n  ret\n"
    "1: mov x29, xzr\n  mov x30, xzr\n  mov x0, x10\n  blr x9\n  brk 1\n");

#else
#error "sandbox knows x86-64 and aarch64"
#endif

// Compilers may call this for `= {0}` even in freestanding code (gcc manual, "Language Standards Supported by GCC").
__attribute__((used, noinline)) static void *memset(void *to, int value, u64 count) {
  for (volatile u8 *byte = to; count; count--) *byte++ = (u8)value;
  return to;
}

#define SYS0(nr) sys(nr, 0, 0, 0, 0, 0, 0)
#define SYS1(nr, a) sys(nr, (u64)(a), 0, 0, 0, 0, 0)
#define SYS2(nr, a, b) sys(nr, (u64)(a), (u64)(b), 0, 0, 0, 0)
#define SYS3(nr, a, b, c) sys(nr, (u64)(a), (u64)(b), (u64)(c), 0, 0, 0)
#define SYS4(nr, a, b, c, d) sys(nr, (u64)(a), (u64)(b), (u64)(c), (u64)(d), 0, 0)
#define SYS5(nr, a, b, c, d, e) sys(nr, (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e), 0)

// A seccomp profile may deny even exit_group; then a trap's SIGILL or SIGTRAP ends this process, which no filter can keep from it.
__attribute__((noreturn, unused)) static void leave(int status) {
  SYS1(__NR_exit_group, status);
  __builtin_trap();
}

enum { SIG_BLOCK_ = 0, SIG_UNBLOCK_ = 1, SIG_SETMASK_ = 2, SIGSET_BYTES = 8, SIGNALS = 64 };
enum { SIGHUP_ = 1, SIGINT_ = 2, SIGQUIT_ = 3, SIGABRT_ = 6, SIGKILL_ = 9, SIGPIPE_ = 13, SIGALRM_ = 14, SIGTERM_ = 15, SIGCHLD_ = 17, SIGCONT_ = 18,
       SIGSTOP_ = 19, SIGTSTP_ = 20, SIGTTIN_ = 21, SIGTTOU_ = 22, SIGWINCH_ = 28 };

// What the sandbox's side tells the supervisor when a step or the command's execve fails. One write below PIPE_BUF, so
// it arrives whole. `head` is the beginning of the file that could not be executed.
enum { REPORT_STEP = 1, REPORT_EXEC = 2, REPORT_INIT = 3, REPORT_BYTES = 1024 };
struct report {
  u32 kind;
  u32 index;
  s32 errno_;
  u32 mode;
  u32 length;
  u8 head[REPORT_BYTES - 20];
};

#endif
