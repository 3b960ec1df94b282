// One TCP connection on which a known stream of words goes one way, hashed at both ends as it goes.
//   stream serve send|receive BYTES ADDRESS       prints the port it listens at, then the hash
//   stream dial send|receive BYTES ADDRESS PORT   prints the hash
// Words are a bijection of their place, so no two are alike. The hash is a polynomial over them modulo 2^64, in four lanes, with odd
// coefficients: a word that is lost, doubled, out of its place or changed in any bit gives another hash, unless changes
// of several words cancel each other out, which they do by chance in one of 2^64 cases.
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, LANES = 4 };

static uint64_t buffer[BLOCK / sizeof(uint64_t)];
static uint64_t lanes[LANES];

static void fill(uint64_t first, size_t words) {
  for (size_t i = 0; i < words; i++) {
    uint64_t word = (first + i) * 0x9e3779b97f4a7c15u;
    buffer[i] = word ^ (word >> 32);
  }
}

static void hash(size_t words) {
  for (size_t i = 0; i + LANES <= words; i += LANES)
    for (int lane = 0; lane < LANES; lane++) lanes[lane] = lanes[lane] * 0xd1342543de82ef95u + buffer[i + lane] + 1;
}

static void send_all(int fd, uint64_t bytes) {
  for (uint64_t at = 0; at < bytes;) {
    size_t block = bytes - at < BLOCK ? bytes - at : BLOCK;
    fill(at / sizeof(uint64_t), block / sizeof(uint64_t));
    hash(block / sizeof(uint64_t));
    for (size_t sent = 0; sent < block;) {
      ssize_t taken = send(fd, (char *)buffer + sent, block - sent, MSG_NOSIGNAL);
      if (taken < 0) err(1, "send after %llu bytes", (unsigned long long)(at + sent));
      sent += taken;
    }
    at += block;
  }
}

static uint64_t receive_all(int fd) {
  for (uint64_t at = 0;;) {
    ssize_t got = recv(fd, buffer, BLOCK, MSG_WAITALL);
    if (got < 0) err(1, "recv after %llu bytes", (unsigned long long)at);
    hash(got / sizeof(uint64_t));
    at += got;
    if (got < BLOCK) return at;
  }
}

static socklen_t address_of(const char *text, int port, struct sockaddr_storage *into) {
  struct sockaddr_in *four = (void *)into;
  struct sockaddr_in6 *six = (void *)into;
  memset(into, 0, sizeof *into);
  if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    return sizeof *four;
  }
  if (inet_pton(AF_INET6, text, &six->sin6_addr) != 1) errx(2, "no address: %s", text);
  six->sin6_family = AF_INET6;
  six->sin6_port = htons(port);
  return sizeof *six;
}

static int serve(struct sockaddr_storage *at, socklen_t length) {
  int listener = socket(at->ss_family, SOCK_STREAM, 0);
  if (bind(listener, (void *)at, length) < 0 || listen(listener, 1) < 0) err(1, "listen");
  getsockname(listener, (void *)at, &length);
  printf("%d\n", ntohs(at->ss_family == AF_INET ? ((struct sockaddr_in *)at)->sin_port : ((struct sockaddr_in6 *)at)->sin6_port));
  fflush(stdout);
  return accept(listener, NULL, NULL);
}

int main(int argc, char **argv) {
  if (argc < 5) errx(2, "usage");
  int is_server = strcmp(argv[1], "serve") == 0;
  uint64_t bytes = strtoull(argv[3], NULL, 10);
  struct sockaddr_storage at;
  socklen_t length = address_of(argv[4], is_server ? 0 : atoi(argv[5]), &at);
  int fd = is_server ? serve(&at, length) : socket(at.ss_family, SOCK_STREAM, 0);
  if (fd < 0 || (!is_server && connect(fd, (void *)&at, length) < 0)) err(1, "connect");
  char end;
  if (strcmp(argv[2], "send") == 0) {
    send_all(fd, bytes);
    shutdown(fd, SHUT_WR);
    if (recv(fd, &end, 1, 0) != 0) errx(1, "no end from the receiver");
  } else {
    uint64_t got = receive_all(fd);
    if (got != bytes) errx(1, "%llu bytes, not %llu", (unsigned long long)got, (unsigned long long)bytes);
  }
  printf("%016llx%016llx%016llx%016llx\n", (unsigned long long)lanes[0], (unsigned long long)lanes[1], (unsigned long long)lanes[2],
         (unsigned long long)lanes[3]);
}
