// Runs commands in turn, round after round, and prints what each run took. Interleaving is the point: a machine's speed drifts by
// more than the differences that are looked for, and what one round suffers all its commands suffer.
//
//   time_commands ROUNDS WARM_UP GAP_MS < COMMANDS > SAMPLES
//
// COMMANDS: one a line, words separated by tabs. SAMPLES: one line a run,
//   INDEX WALL CPU STATUS
// the command's line number from 0; nanoseconds until it ended; nanoseconds of CPU, user and system, of it and all its descendants
// (this process is a subreaper); the status as wait(2) gives it. The order within a round rotates.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_COMMANDS = 64, MAX_WORDS = 128, QUIET_TRIES = 200 };

extern char **environ;
static char *commands[MAX_COMMANDS][MAX_WORDS + 1];
static posix_spawn_file_actions_t streams;

typedef struct { long long wall, cpu; int status; } sample;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long nanoseconds(struct timeval t) { return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL; }

static int read_commands(void) {
  static char line[16384];
  int count = 0;
  while (count < MAX_COMMANDS && fgets(line, sizeof line, stdin)) {
    int words = 0;
    line[strcspn(line, "\n")] = 0;
    for (char *word = strtok(strdup(line), "\t"); word && words < MAX_WORDS; word = strtok(0, "\t"))
      commands[count][words++] = word;
    if (words) count++;
  }
  return count;
}

static sample run(char **argv) {
  sample result = {0, 0, -1};
  struct rusage usage;
  int status;
  pid_t pid, ended;
  long long start = now();
  if (posix_spawnp(&pid, argv[0], &streams, 0, argv, environ)) return result;
  while ((ended = wait4(-1, &status, 0, &usage)) > 0 || errno == EINTR) {
    if (ended <= 0) continue;
    result.cpu += nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
    if (ended != pid) continue;
    result.wall = now() - start;
    result.status = status;
  }
  return result;
}

// Idle time of all CPUs in clock ticks, proc(5), /proc/stat.
static long long idle_ticks(void) {
  char text[256] = {0};
  long long user, nice, system, idle;
  int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read(fd, text, sizeof text - 1) <= 0) return 0;
  close(fd);
  return sscanf(text, "cpu %lld %lld %lld %lld", &user, &nice, &system, &idle) == 4 ? idle : 0;
}

// A pause in which the kernel tears down what the last run left behind; longer while anything else keeps a CPU busy.
static void pause_until_quiet(long gap_ms) {
  static int tries = QUIET_TRIES;
  long cpus = sysconf(_SC_NPROCESSORS_ONLN), hertz = sysconf(_SC_CLK_TCK);
  for (;;) {
    long long before = idle_ticks(), start = now();
    usleep((useconds_t)gap_ms * 1000);
    long long slept = (now() - start) * hertz * cpus / 1000000000LL;
    if (tries <= 0 || slept - (idle_ticks() - before) <= cpus) return;
    tries--;
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int rounds = atoi(argv[1]), warm_up = atoi(argv[2]), count = read_commands();
  long gap = atol(argv[3]);
  posix_spawn_file_actions_init(&streams);
  posix_spawn_file_actions_addopen(&streams, 0, "/dev/null", O_RDONLY, 0);
  for (int fd = 1; fd < 3; fd++) posix_spawn_file_actions_addopen(&streams, fd, "/dev/null", O_WRONLY, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (int round = -warm_up; round < rounds; round++)
    for (int i = 0; i < count; i++) {
      int index = (i + round + warm_up) % count;
      pause_until_quiet(gap);
      sample s = run(commands[index]);
      if (round >= 0) printf("%d %lld %lld %d\n", index, s.wall, s.cpu, s.status);
    }
  return 0;
}
