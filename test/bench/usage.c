// Runs one command and says on descriptor 3 what it took: nanoseconds until it ended, nanoseconds of CPU (with its children that it
// waited for), and the most memory that one of them had at a time, in kB.
//
//   usage COMMAND ARGUMENT... 3>SAMPLE
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long nanoseconds(struct timeval t) { return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL; }

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  long long start = now();
  pid_t child;
  if (posix_spawnp(&child, argv[1], NULL, NULL, argv + 1, environ) != 0) return 127;
  int status;
  struct rusage usage;
  wait4(child, &status, 0, &usage);
  dprintf(3, "%lld %lld %ld\n", now() - start, nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime), usage.ru_maxrss);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
