/* Failure injection: the n-th allocation, or the n-th call on files, fails, and so does every one after it. Each
 * failure must come back as a status with a message; nothing may crash, leak (the sanitizer run sees to that) or leave
 * a half-written file.
 *
 * The linker redirects the calls here (-Wl,--wrap=...); jansson is given the same allocator. Include it first: it asks
 * the C library for POSIX. */
#ifndef SOTTO_TEST_FAULT_H
#define SOTTO_TEST_FAULT_H

#define _XOPEN_SOURCE 700
#include "fault/allocations.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include <sotto/sotto.h>

static long fail_alloc_at, fail_io_at; /* the n-th call from now fails, and every one after it; 0: none */
static bool failed;

static bool count_down(long *at) {
    if (*at == 0) return false;
    if (*at > 1) return (*at)--, false;
    failed = true; /* stays at 1: a machine out of memory does not recover for the second try */
    return true;
}

int     __real_open(const char *path, int flags, ...);
void   *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
ssize_t __real_read(int fd, void *p, size_t n);
ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t offset);
int     __real_fsync(int fd);
int     __real_rename(const char *from, const char *to);

int     __wrap_open(const char *path, int flags, ...);
void   *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
ssize_t __wrap_read(int fd, void *p, size_t n);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t offset);
int     __wrap_fsync(int fd);
int     __wrap_rename(const char *from, const char *to);

void *__wrap_malloc(size_t n) { return count_down(&fail_alloc_at) ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return count_down(&fail_alloc_at) ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n) { return count_down(&fail_alloc_at) ? NULL : __real_realloc(p, n); }
void *__wrap_aligned_alloc(size_t align, size_t n) {
    return count_down(&fail_alloc_at) ? NULL : __real_aligned_alloc(align, n);
}
int __wrap_open(const char *path, int flags, ...) {
    va_list ap;
    va_start(ap, flags);
    int mode = flags & O_CREAT ? va_arg(ap, int) : 0;
    va_end(ap);
    return count_down(&fail_io_at) ? (errno = EIO, -1) : __real_open(path, flags, mode);
}
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset) {
    if (fd < 0 ? count_down(&fail_alloc_at) : count_down(&fail_io_at)) return errno = ENOMEM, MAP_FAILED;
    return __real_mmap(at, n, prot, flags, fd, offset);
}
ssize_t __wrap_read(int fd, void *p, size_t n) {
    return count_down(&fail_io_at) ? (errno = EIO, -1) : __real_read(fd, p, n);
}
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t offset) {
    return count_down(&fail_io_at) ? (errno = ENOSPC, -1) : __real_pwrite(fd, p, n, offset);
}
int __wrap_fsync(int fd) { return count_down(&fail_io_at) ? (errno = EIO, -1) : __real_fsync(fd); }
int __wrap_rename(const char *from, const char *to) {
    return count_down(&fail_io_at) ? (errno = EIO, -1) : __real_rename(from, to);
}

/* Fail at 1, 2, 3 ... until a run of the scenario (SOTTO_OK or the first failure) is not hit any more. Dense at first,
 * then sparser: late failures repeat early ones. `before` cleans up; `after` looks at what a failed run left behind. */
static void inject(const char *what, long *at, sotto_status (*scenario)(const char *, sotto_error *), const char *path,
                   void (*before)(void), void (*after)(const char *what, sotto_status status)) {
    long runs = 0;
    for (long n = 1;; n += 1 + n / 50, runs++) {
        sotto_error err = {0};
        failed = false;
        before();
        *at = n;
        sotto_status status = scenario(path, &err);
        *at = 0;
        if (!failed) {
            CHECK_OK(status, err);
            break;
        }
        test_checks++;
        if (status == SOTTO_OK) continue; /* a failure that could be done without (a hint to the system, a fallback) */
        if (!err.message[0]) TEST_FAIL("%s: failure %ld gave status %d without a message", what, n, (int)status);
        if (after) after(what, status);
    }
    CHECK(runs > 10);
    printf("  %-28s %4ld failures injected\n", what, runs);
}

#endif
