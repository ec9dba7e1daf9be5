/*
 * Faults in one process, by LD_PRELOAD: counts the calls that touch a store's files, and fails, shortens or delays those that the
 * control page asks for, and keeps what a power cut would undo. Shim.java makes the page and describes its fields; both sides map it,
 * so that a JVM can arm faults against itself.
 *
 * The undo log (LazyFS semantics): before a write or truncation the old bytes go to UNDO/data-INODE, and before a change of a
 * directory its reverse goes to UNDO/names. fsync of a file or directory drops what it makes durable. PowerCut.java plays the rest
 * backwards. All of it lies in files, so that it survives the SIGKILL that a cut begins with.
 *
 * Built with: gcc -O1 -shared -fPIC -o shim.so shim.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAGIC 0x4C565348u
#define FDS 65536

enum { WRITE = 1, SYNC = 2, TRUNCATE = 4, UNLINK = 8, RENAME = 16, OPEN = 32, MKDIR = 64 };
enum { FAIL = 1, SHORT = 2, DELAY = 3 };

struct control {
  uint32_t magic;
  uint32_t armed;
  uint32_t calls;      /* which calls count, by bit */
  uint32_t mode;
  int32_t error;       /* errno of what fails */
  uint32_t chance;     /* of each call, in a million; 0: by number */
  int64_t first;       /* the first call that is hit, from 1 */
  int64_t times;       /* how many calls in a row */
  int64_t counted;
  int64_t hits;
  uint64_t random;
  uint32_t delay_us;
  uint32_t remember;   /* keep the undo log */
  uint32_t skip_sync;  /* answer syncs at once: the machine will not really lose power */
  uint32_t reserved;
  char last[440];      /* the call that was hit last, for people */
  char store[1024];    /* only paths below count */
  char undo[1024];     /* a directory on the same volume */
};

static struct control *control;
static unsigned char tracked[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) \
  static __typeof__(name) *real; \
  if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int real_open(const char *path, int flags, mode_t mode) {
  REAL(open64);
  return real(path, flags, mode);
}
static int real_close(int fd) { REAL(close); return real(fd); }
static ssize_t real_pwrite(int fd, const void *b, size_t n, off_t at) { REAL(pwrite64); return real(fd, b, n, at); }
static ssize_t real_write(int fd, const void *b, size_t n) { REAL(write); return real(fd, b, n); }
static int real_fsync(int fd) { REAL(fsync); return real(fd); }
static int real_rename(const char *a, const char *b) { REAL(rename); return real(a, b); }
static int real_unlink(const char *a) { REAL(unlink); return real(a); }

__attribute__((constructor)) static void start(void) {
  const char *file = getenv("LEVEE_SHIM");
  int fd = file ? real_open(file, O_RDWR | O_CLOEXEC, 0) : -1;
  if (fd < 0) return;
  void *page = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  real_close(fd);
  if (page != MAP_FAILED && ((struct control *)page)->magic == MAGIC) control = page;
}

static int below(const char *path) {
  size_t n = control ? strlen(control->store) : 0;
  return n && !strncmp(path, control->store, n) && (path[n] == '/' || path[n] == 0);
}

/* The absolute path of what a call names; 0 where it is not below the store. */
static int resolve(int dir, const char *path, char out[PATH_MAX]) {
  if (!control || !control->store[0] || !path) return 0;
  if (path[0] == '/') {
    if (strlen(path) >= PATH_MAX) return 0;
    strcpy(out, path);
  } else {
    char base[PATH_MAX / 2], link[64];
    ssize_t n;
    if (dir == AT_FDCWD) {
      if (!getcwd(base, sizeof base)) return 0;
    } else {
      snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
      n = readlink(link, base, sizeof base - 1);
      if (n < 0) return 0;
      base[n] = 0;
    }
    if ((size_t)snprintf(out, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return 0;
  }
  return below(out);
}

static int is_tracked(int fd) { return fd >= 0 && fd < FDS && tracked[fd]; }

/* Counts a call; answers the mode that applies to it, 0 for none. */
static int hit(uint32_t call, const char *name, const char *path) {
  if (!control || !__atomic_load_n(&control->armed, __ATOMIC_ACQUIRE) || !(control->calls & call)) return 0;
  int64_t n = __atomic_add_fetch(&control->counted, 1, __ATOMIC_RELAXED);
  if (control->chance) {
    uint64_t x = __atomic_add_fetch(&control->random, 0x9E3779B97F4A7C15ull, __ATOMIC_RELAXED);
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    if ((x ^ (x >> 31)) % 1000000 >= control->chance) return 0;
  } else if (n < control->first || n - control->first >= control->times) {
    return 0;
  }
  __atomic_add_fetch(&control->hits, 1, __ATOMIC_RELAXED);
  snprintf(control->last, sizeof control->last, "%s %s", name, path);
  if (control->mode == DELAY) {
    struct timespec t = {control->delay_us / 1000000, (control->delay_us % 1000000) * 1000L};
    nanosleep(&t, NULL);
    return 0;
  }
  return control->mode;
}

static const char *name_of(int fd, char out[PATH_MAX]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, out, PATH_MAX - 1);
  out[n < 0 ? 0 : n] = 0;
  return out;
}

static int hit_fd(uint32_t call, const char *name, int fd) {
  char path[PATH_MAX];
  if (!control || !control->armed || !is_tracked(fd)) return 0;
  return hit(call, name, name_of(fd, path));
}

static int failed(void) {
  errno = control->error;
  return -1;
}

/* ---- what a power cut undoes ---- */

static int remembers(void) { return control && control->remember; }

static void undo_path(char out[PATH_MAX], ino_t inode) {
  snprintf(out, PATH_MAX, "%s/data-%llu", control->undo, (unsigned long long)inode);
}

struct entry {
  int64_t offset;   /* where old bytes belong */
  int64_t size;     /* of the file before the call */
  int64_t length;   /* bytes that the call changes, from the offset */
  int64_t kept;     /* old bytes that follow */
};

/* Keeps old bytes of a range that is about to change. Called under the lock. */
static void keep(int fd, int64_t offset, int64_t length) {
  struct stat st;
  if (fstat(fd, &st) || !S_ISREG(st.st_mode)) return;
  char path[PATH_MAX];
  undo_path(path, st.st_ino);
  int64_t kept = st.st_size - offset;
  if (kept > length) kept = length;
  if (kept < 0) kept = 0;
  struct entry *e = malloc(sizeof *e + (size_t)kept);
  if (!e) abort();
  *e = (struct entry){offset, st.st_size, length, kept};
  char *old = (char *)(e + 1);
  if (kept) {
    /* A second descriptor would cost the process its locks on the file when it is closed: only where this one cannot read. */
    if (pread(fd, old, (size_t)kept, offset) != kept) {
      char self[64];
      snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
      int in = real_open(self, O_RDONLY | O_CLOEXEC, 0);
      if (in < 0 || pread(in, old, (size_t)kept, offset) != kept) abort();
      real_close(in);
    }
  }
  int out = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  size_t total = sizeof *e + (size_t)kept;
  if (out < 0 || real_write(out, e, total) != (ssize_t)total) abort();
  real_close(out);
  free(e);
}

static void forget(ino_t inode) {
  char path[PATH_MAX];
  undo_path(path, inode);
  real_unlink(path);
}

/* Notes how to take back a change of a directory: a line of words, separated by tabs. Called under the lock. */
static void note(const char *kind, const char *a, const char *b, const char *grave) {
  char path[PATH_MAX], line[3 * PATH_MAX];
  snprintf(path, sizeof path, "%s/names", control->undo);
  int n = snprintf(line, sizeof line, "%s\t%s\t%s\t%s\n", kind, a, b, grave);
  int out = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (out < 0 || real_write(out, line, (size_t)n) != n) abort();
  real_close(out);
}

/* Keeps a file that is about to lose its name. */
static void bury(const char *path, char grave[PATH_MAX]) {
  static int64_t number;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  snprintf(grave, PATH_MAX, "%s/grave-%lld-%lld-%lld", control->undo, (long long)now.tv_sec, (long long)now.tv_nsec,
      (long long)number++);
  if (link(path, grave)) strcpy(grave, "-");
}

static int parent_is(const char *path, const char *dir) {
  const char *slash = strrchr(path, '/');
  return slash && strlen(dir) == (size_t)(slash - path) && !strncmp(path, dir, (size_t)(slash - path));
}

/* A directory was synced: its names are what they are now. */
static void names_synced(const char *dir) {
  char path[PATH_MAX], next[PATH_MAX], line[3 * PATH_MAX], copy[3 * PATH_MAX];
  snprintf(path, sizeof path, "%s/names", control->undo);
  snprintf(next, sizeof next, "%s/names.next", control->undo);
  FILE *in = fopen(path, "re");
  if (!in) return;
  FILE *out = fopen(next, "we");
  if (!out) abort();
  while (fgets(line, sizeof line, in)) {
    strcpy(copy, line);
    char *rest = NULL;
    strtok_r(copy, "\t", &rest);
    char *a = strtok_r(NULL, "\t", &rest), *b = strtok_r(NULL, "\t", &rest), *grave = strtok_r(NULL, "\t\n", &rest);
    if (a && b && grave && (parent_is(a, dir) || parent_is(b, dir))) {
      struct stat st;
      if (strcmp(grave, "-") && !stat(grave, &st)) {
        if (st.st_nlink == 1) forget(st.st_ino);
        real_unlink(grave);
      }
    } else {
      fputs(line, out);
    }
  }
  fclose(in);
  fclose(out);
  real_rename(next, path);
}

/* ---- the calls ---- */

static int opened(int fd, int flags, const char *path, int existed) {
  if (fd >= 0 && fd < FDS) tracked[fd] = 1;
  if (fd >= 0 && remembers() && !existed && (flags & O_CREAT)) {
    struct stat st;
    pthread_mutex_lock(&lock);
    if (!fstat(fd, &st)) forget(st.st_ino);
    note("create", path, "-", "-");
    pthread_mutex_unlock(&lock);
  }
  return fd;
}

static int do_open(int dir, const char *given, int flags, mode_t mode) {
  char path[PATH_MAX];
  if (!resolve(dir, given, path)) {
    REAL(openat64);
    /* Whoever looks after a power cut finds another boot than the process that lived before it. */
    if (remembers() && given && !strcmp(given, "/proc/sys/kernel/random/boot_id")) given = "/proc/sys/kernel/random/uuid";
    int fd = real(dir, given, flags, mode);
    if (fd >= 0 && fd < FDS) tracked[fd] = 0;
    return fd;
  }
  if (hit(OPEN, "openat", path) == FAIL) return failed();
  struct stat st;
  int existed = !stat(path, &st);
  if (remembers() && existed && (flags & O_TRUNC) && S_ISREG(st.st_mode) && st.st_size) {
    int fd = real_open(path, O_RDONLY | O_CLOEXEC, 0);
    pthread_mutex_lock(&lock);
    if (fd >= 0) keep(fd, 0, st.st_size);
    pthread_mutex_unlock(&lock);
    if (fd >= 0) real_close(fd);
  }
  return opened(real_open(path, flags, mode), flags, path, existed);
}

#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { va_list v; va_start(v, flags); mode = (mode_t)va_arg(v, int); va_end(v); }

int open(const char *path, int flags, ...) { MODE(flags) return do_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return do_open(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE(flags) return do_open(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE(flags) return do_open(dir, path, flags, mode); }

int close(int fd) {
  if (fd >= 0 && fd < FDS) tracked[fd] = 0;
  return real_close(fd);
}

static ssize_t do_write(int fd, const void *bytes, size_t n, off_t at, int positioned) {
  int mode = hit_fd(WRITE, positioned ? "pwrite64" : "write", fd);
  if (mode == FAIL) return failed();
  if (mode == SHORT && n > 1) n /= 2;
  if (!is_tracked(fd) || !remembers()) return positioned ? real_pwrite(fd, bytes, n, at) : real_write(fd, bytes, n);
  pthread_mutex_lock(&lock);
  off_t where = at;
  if (!positioned) {
    int flags = fcntl(fd, F_GETFL);
    struct stat st;
    where = (flags & O_APPEND) && !fstat(fd, &st) ? st.st_size : lseek(fd, 0, SEEK_CUR);
  }
  keep(fd, where, (int64_t)n);
  ssize_t done = positioned ? real_pwrite(fd, bytes, n, at) : real_write(fd, bytes, n);
  int error = errno;
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

ssize_t write(int fd, const void *bytes, size_t n) { return do_write(fd, bytes, n, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) { return do_write(fd, bytes, n, at, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) { return do_write(fd, bytes, n, at, 1); }

static int do_sync(int fd, const char *name, int data) {
  int mode = hit_fd(SYNC, name, fd);
  if (mode == FAIL) return failed();
  int done = 0;
  if (!is_tracked(fd) || !control->skip_sync) {
    REAL(fdatasync);
    done = data ? real(fd) : real_fsync(fd);
  }
  if (!done && is_tracked(fd) && remembers()) {
    struct stat st;
    char path[PATH_MAX];
    pthread_mutex_lock(&lock);
    if (!fstat(fd, &st)) {
      if (S_ISDIR(st.st_mode)) names_synced(name_of(fd, path));
      else forget(st.st_ino);
    }
    pthread_mutex_unlock(&lock);
  }
  return done;
}

int fsync(int fd) { return do_sync(fd, "fsync", 0); }
int fdatasync(int fd) { return do_sync(fd, "fdatasync", 1); }

static int do_truncate(int fd, off64_t size) {
  if (hit_fd(TRUNCATE, "ftruncate", fd) == FAIL) return failed();
  REAL(ftruncate64);
  if (!is_tracked(fd) || !remembers()) return real(fd, size);
  struct stat st;
  pthread_mutex_lock(&lock);
  if (!fstat(fd, &st)) keep(fd, st.st_size > size ? size : st.st_size, llabs((long long)(st.st_size - size)));
  int done = real(fd, size);
  int error = errno;
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

int ftruncate(int fd, off_t size) { return do_truncate(fd, size); }
int ftruncate64(int fd, off64_t size) { return do_truncate(fd, size); }

int fallocate(int fd, int how, off_t at, off_t n) {
  REAL(fallocate);
  if (hit_fd(TRUNCATE, "fallocate", fd) == FAIL) return failed();
  return real(fd, how, at, n);
}

int posix_fallocate(int fd, off_t at, off_t n) {
  REAL(posix_fallocate);
  if (hit_fd(TRUNCATE, "posix_fallocate", fd) == FAIL) return control->error;
  return real(fd, at, n);
}

static int do_unlink(int dir, const char *given, int flags) {
  char path[PATH_MAX], grave[PATH_MAX];
  REAL(unlinkat);
  if (!resolve(dir, given, path)) return real(dir, given, flags);
  if (hit(UNLINK, flags ? "rmdir" : "unlink", path) == FAIL) return failed();
  if (!remembers() || flags) return real(dir, given, flags);
  pthread_mutex_lock(&lock);
  bury(path, grave);
  int done = real(dir, given, flags);
  int error = errno;
  if (!done) note("unlink", path, "-", grave);
  else real_unlink(grave);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

int unlink(const char *path) { return do_unlink(AT_FDCWD, path, 0); }
int unlinkat(int dir, const char *path, int flags) { return do_unlink(dir, path, flags); }

static int do_rename(const char *from, const char *to) {
  char a[PATH_MAX], b[PATH_MAX], grave[PATH_MAX];
  if (!resolve(AT_FDCWD, from, a) || !resolve(AT_FDCWD, to, b)) return real_rename(from, to);
  if (hit(RENAME, "rename", b) == FAIL) return failed();
  if (!remembers()) return real_rename(from, to);
  pthread_mutex_lock(&lock);
  bury(b, grave);
  int done = real_rename(from, to);
  int error = errno;
  if (!done) note("rename", a, b, grave);
  else if (strcmp(grave, "-")) real_unlink(grave);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

int rename(const char *from, const char *to) { return do_rename(from, to); }

int mkdir(const char *given, mode_t mode) {
  char path[PATH_MAX];
  REAL(mkdir);
  if (!resolve(AT_FDCWD, given, path)) return real(given, mode);
  if (hit(MKDIR, "mkdir", path) == FAIL) return failed();
  int done = real(given, mode);
  if (!done && remembers()) {
    pthread_mutex_lock(&lock);
    note("mkdir", path, "-", "-");
    pthread_mutex_unlock(&lock);
  }
  return done;
}
