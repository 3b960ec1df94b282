// The network of a command that has not spoken yet. Most commands start without a word to it and many never say one, so the runtime
// with the network stack in it is not started before there is a frame for it: then it takes the waiter's place, as the waiter took
// the place of one.
#ifndef SANDBOX_FIRST_FRAME_H
#define SANDBOX_FIRST_FRAME_H

#include "waiting.h"

enum { POLLIN_ = 1, O_RDWR_ = 2, F_SETFD_ = 2, FD_CLOEXEC_ = 1, NEG_EAGAIN_ = -11, AT_EMPTY_PATH_ = 0x1000 };
// struct virtio_net_hdr_mrg_rxbuf; then Ethernet, 14 bytes; IPv6, 40 (RFC 8200 section 3).
enum { ETHERNET_AT = 12, ETHER_TYPE_AT = ETHERNET_AT + 12, IPV6_AT = ETHER_TYPE_AT + 2, NEXT_HEADER_AT = IPV6_AT + 6, ICMPV6_AT = IPV6_AT + 40 };
enum { ETHER_TYPE_IPV6 = 0x86dd, ICMPV6_ = 58, ROUTER_SOLICITATION = 133, NEIGHBOUR_SOLICITATION = 135 };
// The largest: a header, Ethernet with a VLAN tag, and a packet of 65,575 bytes.
enum { FRAME_BYTES = 17 * 4096 };

struct pollfd { s32 fd; u16 events, revents; };

// `tap` is negative where there is no network, or none any more. `control` is a listening socket by which the user's other commands ask
// for something of it, or negative: who asks has to be answered, too. `ending` is what is to be known at the sandbox's end, if anything is to
// be done then.
struct network { s64 tap, control; u64 program; char *inputs, *ending; };
enum { NOTHING = -1, NO_FRAME = 0 };

static u8 first_frame[FRAME_BYTES];

// One descriptor, SCM_RIGHTS of unix(7); it stays open across execve.
static s64 receive_descriptor(u64 socket) {
  u8 byte;
  struct { u64 length; s32 level, type, fd, pad; } control;
  struct { void *base; u64 length; } vector = {&byte, 1};
  struct { void *name; u64 name_length; void *vectors; u64 count; void *control; u64 control_length; u64 flags; } message =
      {0, 0, &vector, 1, &control, sizeof control, 0};
  s64 length = SYS3(__NR_recvmsg, socket, &message, 0);
  SYS1(__NR_close, socket);
  return length == 1 && message.control_length == sizeof control ? control.fd : -1;
}

// A kernel that brings an interface up tells its groups so (MLDv2, RFC 9777): by IPv6 multicast, where nobody is. Neighbour discovery is
// multicast too, and begins with solicitations: ICMPv6 right behind the fixed header (RFC 4861 sections 4.1 and 4.3).
static int wants_answer(const u8 *frame, s64 length) {
  if (length < IPV6_AT) return 0;
  int is_group = frame[ETHERNET_AT] & 1;
  if (!is_group || (frame[ETHER_TYPE_AT] << 8 | frame[ETHER_TYPE_AT + 1]) != ETHER_TYPE_IPV6) return 1;
  if (length <= ICMPV6_AT || frame[NEXT_HEADER_AT] != ICMPV6_) return 0;
  return frame[ICMPV6_AT] == ROUTER_SOLICITATION || frame[ICMPV6_AT] == NEIGHBOUR_SOLICITATION;
}

static s64 next_asking(struct network *network) {
  for (;;) {
    s64 length = SYS3(__NR_read, network->tap, first_frame, sizeof first_frame);
    if (length > 0 && wants_answer(first_frame, length)) return length;
    if (length > 0) continue;
    // Anything but "none now": the device has gone with its namespace.
    if (length != NEG_EAGAIN_) network->tap = -1;
    return NOTHING;
  }
}

// The length of a frame that wants an answer, NO_FRAME where somebody asks at the control socket, and NOTHING when a signal waits to be
// taken, or there is no network.
static s64 await_frame(struct network *network, s64 signals) {
  while (network->tap >= 0) {
    struct pollfd polled[3] = {{(s32)signals, POLLIN_, 0}, {(s32)network->tap, POLLIN_, 0}, {(s32)network->control, POLLIN_, 0}};
    while (SYS4(__NR_ppoll, polled, 3, 0, 0) <= 0);
    s64 length = polled[1].revents ? next_asking(network) : NOTHING;
    if (length != NOTHING) return length;
    if (polled[0].revents) return NOTHING;
    if (polled[2].revents) return NO_FRAME;
  }
  return NOTHING;
}

static char *put_number(char *text, u64 value) {
  char digits[20];
  int count = 0;
  do digits[count++] = (char)('0' + value % 10); while (value /= 10);
  while (count) *text++ = digits[--count];
  *text++ = ' ';
  *text = 0;
  return text;
}

// Returns only where it fails. What the stack needs to know comes by the environment, which ps(1) does not show; the frame by a memfd. The
// words after this program's numbers tell a reader of ps(1) what runs; where the kernel has put their count, there is room for one more.
static void start_stack(const struct network *network, s64 length, u64 pid, u64 pidfd, u64 flags, char **words) {
  s64 frame = length == NO_FRAME ? 0 : SYS2(__NR_memfd_create, "frame", 0);
  if (frame) {
    SYS3(__NR_write, frame, first_frame, length);
    SYS3(__NR_lseek, frame, 0, 0);
  }
  char numbers[128];
  char *end = put_number(put_number(put_number(numbers, pid), pidfd), flags);
  put_number(put_number(end, (u64)network->tap), (u64)frame);
  char **argv = words - 1;
  argv[0] = words[0];
  argv[1] = "serve-network";
  argv[2] = numbers;
  char *envp[] = {network->inputs, network->ending, 0};
  SYS3(__NR_fcntl, network->program, F_SETFD_, FD_CLOEXEC_);
  SYS5(__NR_execveat, network->program, "", argv, envp, AT_EMPTY_PATH_);
  if (frame) SYS1(__NR_close, frame);
}

#endif
