// Round trips of one byte over TCP, and how many a second.
//
//   net_turns serve PORT                 answers on all addresses, until it is killed
//   net_turns rr HOST PORT SECONDS       request and response on one connection, again and again
//   net_turns crr HOST PORT SECONDS      a connection for each: connect, request, response, reset
//
// Prints: TURNS_A_SECOND MEDIAN_MICROSECONDS P99_MICROSECONDS FAILED
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TURNS = 1 << 21, MAX_FAILED = 50, MAX_EVENTS = 64 };

static double turns[MAX_TURNS];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static struct sockaddr_in at(const char *host, const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  if (host && inet_pton(AF_INET, host, &address.sin_addr) != 1) exit(2);
  return address;
}

static void answer(int fd) {
  char bytes[64];
  ssize_t got = read(fd, bytes, sizeof bytes);
  if (got <= 0 || write(fd, bytes, (size_t)got) != got) close(fd);
}

static int serve(const char *port) {
  struct sockaddr_in address = at(0, port);
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), loop = epoll_create1(0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) return 1;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[MAX_EVENTS];
  epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
  puts("ready");
  fflush(stdout);
  for (;;) {
    int count = epoll_wait(loop, ready, MAX_EVENTS, -1);
    for (int i = 0; i < count; i++) {
      if (ready[i].data.fd != listener) {
        answer(ready[i].data.fd);
        continue;
      }
      event.data.fd = accept(listener, 0, 0);
      setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      epoll_ctl(loop, EPOLL_CTL_ADD, event.data.fd, &event);
    }
  }
}

static int connected(const struct sockaddr_in *address) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct timeval limit = {3, 0};
  struct linger reset = {1, 0};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0) return fd;
  close(fd);
  return -1;
}

static int turn(int fd) {
  char byte = 'x';
  return write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "serve") == 0) return serve(argv[2]);
  if (argc != 5) return 2;
  int each = strcmp(argv[1], "crr") == 0;
  struct sockaddr_in address = at(argv[2], argv[3]);
  double begin = now(), end = begin + atof(argv[4]) * 1e6;
  long count = 0, failed = 0;
  int fd = each ? -1 : connected(&address);
  while (now() < end && count < MAX_TURNS && failed < MAX_FAILED) {
    double start = now();
    if (each) fd = connected(&address);
    if (fd >= 0 && turn(fd)) turns[count++] = now() - start;
    else failed++;
    if (each && fd >= 0) close(fd);
  }
  double seconds = (now() - begin) / 1e6;
  if (count == 0) return 1;
  qsort(turns, (size_t)count, sizeof *turns, by_size);
  printf("%.0f %.1f %.1f %ld\n", count / seconds, turns[count / 2], turns[count * 99 / 100], failed);
  return 0;
}
