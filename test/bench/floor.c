// The least that a rootless sandbox of this kind asks of the kernel: all namespaces, one id mapped, an overlay, /proc, a tmpfs
// with six devices, pivot_root, execve. What any sandbox takes beyond it is its own.
//
//   floor ROOTFS COMMAND [ARGUMENT...]
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const DEVICES[] = {"null", "zero", "full", "random", "urandom", "tty"};

static void must(long result, const char *what) {
  if (result >= 0) return;
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  _exit(125);
}

static void put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  must(fd, path);
  must(write(fd, text, strlen(text)), path);
  close(fd);
}

static void map_own_id(uid_t uid, gid_t gid) {
  char line[64];
  put("/proc/self/setgroups", "deny");
  snprintf(line, sizeof line, "0 %u 1", uid);
  put("/proc/self/uid_map", line);
  snprintf(line, sizeof line, "0 %u 1", gid);
  put("/proc/self/gid_map", line);
}

static void lay_overlay(const char *rootfs) {
  // The lower folder is the working directory, since the tmpfs may come to lie over the path to it.
  must(chdir(rootfs), rootfs);
  must(mount("", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700"), "tmpfs");
  for (const char *const *folder = (const char *const[]){"/tmp/upper", "/tmp/work", "/tmp/root", 0}; *folder; folder++)
    must(mkdir(*folder, 0755), *folder);
  const char *options = "lowerdir=.,upperdir=/tmp/upper,workdir=/tmp/work,userxattr";
  must(mount("", "/tmp/root", "overlay", MS_NOSUID | MS_NODEV, options), "overlay");
  must(chdir("/tmp/root"), "chdir");
}

static void mount_kernel_file_systems(void) {
  must(mount("", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0), "proc");
  must(mount("", "dev", "tmpfs", MS_NOSUID, "mode=0755"), "dev");
  for (size_t i = 0; i < sizeof DEVICES / sizeof *DEVICES; i++) {
    char from[32], to[32];
    snprintf(from, sizeof from, "/dev/%s", DEVICES[i]);
    snprintf(to, sizeof to, "dev/%s", DEVICES[i]);
    must(mknod(to, S_IFREG | 0644, 0), to);
    must(mount(from, to, 0, MS_BIND, 0), to);
  }
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  uid_t uid = getuid();
  gid_t gid = getgid();
  unsigned long flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;
  long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
  must(pid, "clone");
  if (pid == 0) {
    map_own_id(uid, gid);
    lay_overlay(argv[1]);
    mount_kernel_file_systems();
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "umount");
    must(chdir("/"), "chdir");
    execv(argv[2], argv + 2);
    must(-1, argv[2]);
  }
  int status;
  must(waitpid((pid_t)pid, &status, 0), "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
