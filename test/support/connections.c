// Many TCP connections in one process.
//   connections serve ADDRESS N                      listens at N ports, which it prints; says "ACCEPTED OPEN" for each line it reads
//   connections short ADDRESS COUNT RATE PORT...     COUNT connections, RATE a second are begun; prints "OK FAILED MILLISECONDS"
//   connections idle ADDRESS COUNT PORT...           COUNT at once; at each line it reads it says how many answer; at the end closes all
// On each a byte goes there and comes back. 's' has the server end first, anything else the client.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 65536, AT_ONCE = 256, CONNECTING = 200, IS_LISTENER = 1, IS_ANSWERED = 2 };

static int epoll;
static unsigned char state[MOST];
static long accepted, ended, ok, failed, begun, connected;

static long long now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000LL + at.tv_nsec / 1000;
}

static struct sockaddr_in address_of(const char *text, int port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, text, &at.sin_addr) != 1) errx(2, "no address: %s", text);
  return at;
}

static void watch(int fd, unsigned events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (fd >= MOST || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) err(1, "epoll_ctl %d", fd);
}

static void listen_at(const char *address) {
  struct sockaddr_in at = address_of(address, 0);
  socklen_t length = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(fd, (void *)&at, length) < 0 || listen(fd, 4096) < 0) err(1, "listen");
  getsockname(fd, (void *)&at, &length);
  printf("%d ", ntohs(at.sin_port));
  state[fd] = IS_LISTENER;
  watch(fd, EPOLLIN);
}

static void accept_all(int listener) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0; accepted++) {
    state[fd] = 0;
    watch(fd, EPOLLIN);
  }
  if (errno != EAGAIN) err(1, "accept");
}

static void answer(int fd) {
  char byte;
  ssize_t got = recv(fd, &byte, 1, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got == 1 && send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && byte != 's') return;
  close(fd);
  ended++;
}

static void serve(const char *address, int ports) {
  for (int i = 0; i < ports; i++) listen_at(address);
  printf("\n");
  watch(STDIN_FILENO, EPOLLIN);
  for (struct epoll_event events[AT_ONCE];;) {
    fflush(stdout);
    int count = epoll_wait(epoll, events, AT_ONCE, -1);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      char line[64];
      if (fd == STDIN_FILENO) {
        if (read(fd, line, sizeof line) <= 0) return;
        printf("%ld %ld\n", accepted, accepted - ended);
      } else if (state[fd] == IS_LISTENER) accept_all(fd);
      else answer(fd);
    }
  }
}

static int begin(const char *address, int port) {
  struct sockaddr_in to = address_of(address, port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0) err(1, "socket");
  begun++;
  state[fd] = 0;
  if (connect(fd, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
    warn("connect");
    failed++;
    close(fd);
    return -1;
  }
  watch(fd, EPOLLOUT | EPOLLONESHOT);
  return fd;
}

static void rearm(int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}

static void over(int fd, int is_right, const char *what) {
  if (is_right) ok++;
  else if (failed++ < 5) warn("%s", what);
  close(fd);
}

static void go_on(int fd, unsigned events, char byte) {
  char got;
  if (events & EPOLLOUT) {
    connected++;
    if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1) return over(fd, 0, "send");
    return rearm(fd);
  }
  ssize_t length = recv(fd, &got, 1, 0);
  if (length < 0 && errno == EAGAIN) return rearm(fd);
  if (length == 1 && got == byte && state[fd] != IS_ANSWERED) {
    state[fd] = IS_ANSWERED;
    if (byte != 's') over(fd, 1, "");
    return;
  }
  over(fd, length == 0 && state[fd] == IS_ANSWERED && byte == 's', "recv");
}

static void run_short(const char *address, long count, long rate, char **ports, int port_count) {
  long long start = now();
  static char bytes[MOST];
  for (struct epoll_event events[AT_ONCE]; ok + failed < count;) {
    long due = (now() - start) * rate / 1000000;
    for (; begun < count && begun < due && begun - ok - failed < 1000;) {
      int fd = begin(address, atoi(ports[begun % port_count]));
      if (fd >= 0) bytes[fd] = begun & 1 ? 's' : 'c';
    }
    int got = epoll_wait(epoll, events, AT_ONCE, 1);
    for (int i = 0; i < got; i++) go_on(events[i].data.fd, events[i].events, bytes[events[i].data.fd]);
  }
  printf("%ld %ld %lld\n", ok, failed, (now() - start) / 1000);
}

/** A byte there and back on each. */
static long alive(const int *all, long count) {
  long answered = 0;
  char byte = 'x';
  for (long i = 0; i < count; i++) answered += send(all[i], &byte, 1, MSG_NOSIGNAL) == 1;
  for (long i = 0; i < count; i++) answered += recv(all[i], &byte, 1, 0) == 1;
  return answered / 2;
}

static void run_idle(const char *address, long count, char **ports, int port_count) {
  int *all = calloc(count, sizeof *all);
  for (long i = 0; i < count; i++) {
    struct sockaddr_in to = address_of(address, atoi(ports[i % port_count]));
    all[i] = socket(AF_INET, SOCK_STREAM, 0);
    if (all[i] < 0 || connect(all[i], (void *)&to, sizeof to) < 0) err(1, "connection %ld", i);
  }
  for (char line[64];;) {
    printf("%ld\n", alive(all, count));
    fflush(stdout);
    if (read(STDIN_FILENO, line, sizeof line) <= 0 || line[0] == 'c') break;
  }
  for (long i = 0; i < count; i++) close(all[i]);
  free(all);
}

int main(int argc, char **argv) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  epoll = epoll_create1(0);
  if (argc < 4) errx(2, "usage");
  if (strcmp(argv[1], "serve") == 0) serve(argv[2], atoi(argv[3]));
  else if (strcmp(argv[1], "short") == 0) run_short(argv[2], atol(argv[3]), atol(argv[4]), argv + 5, argc - 5);
  else run_idle(argv[2], atol(argv[3]), argv + 4, argc - 4);
}
