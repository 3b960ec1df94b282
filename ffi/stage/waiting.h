// What PID 1, the waiter and what enters namespaces share: how they are told what to do, and how a status is told on.
#ifndef SANDBOX_WAITING_H
#define SANDBOX_WAITING_H

#include "sys.h"

enum { PR_SET_NAME_ = 15, WNOHANG_ = 1, SI_QUEUE_ = -1 };

// siginfo_t, 128 bytes, as rt_sigtimedwait(2) fills it for a signal that a process sent.
struct siginfo {
  s32 signo, error, code, pad;
  u32 pid, uid;
  u64 value;
  u8 rest[96];
};

// A decimal number and the blank after it.
static char *parse_number(char *text, u64 *value) {
  *value = 0;
  while (*text >= '0' && *text <= '9') *value = *value * 10 + (u64)(*text++ - '0');
  return *text == ' ' ? text + 1 : text;
}

// wait(2)'s status as a shell tells it.
__attribute__((unused)) static int exit_code(u32 status) { return (status & 0x7f) ? 128 + (int)(status & 0x7f) : (int)(status >> 8) & 0xff; }

#endif
