/* Files and the memory in which the system keeps what was read of them: for measuring what a first reading costs. */
#include "os/system.h"

#include <sys/mman.h>

#if defined(__APPLE__)

sotto_status sotto_file_uncache(const char *path, uint64_t *left, sotto_error *err) {
    *left = 0;
    return sotto_fail(err, SOTTO_UNSUPPORTED, "%s: this system does not take a file out of its cache", path);
}

#else

/* The bytes of a file, whole pages, that are in memory. The system tells it of files that this user may write. */
static sotto_status count_cached(int fd, size_t n, const char *path, uint64_t *cached, sotto_error *err) {
    const size_t   page = (size_t)sysconf(_SC_PAGESIZE), n_pages = (n + page - 1) / page;
    unsigned char *in_memory = malloc(SOTTO_MAX(n_pages, (size_t)1));
    void          *p = n ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    sotto_status   status = SOTTO_OK;
    *cached = 0;
    if (!in_memory) status = sotto_fail_memory(err, "a list of pages");
    else if (p == MAP_FAILED || (p && mincore(p, n, in_memory) != 0))
        status = sotto_fail(err, SOTTO_IO, "%s: cannot tell what of it is in memory: %s", path, strerror(errno));
    for (size_t i = 0; i < n_pages && !status; i++) *cached += in_memory[i] & 1 ? page : 0;
    if (p && p != MAP_FAILED) (void)munmap(p, n);
    free(in_memory);
    return status;
}

/* What is still to be written stays in memory, so it is written first. */
static sotto_status uncache(int fd, const char *path, uint64_t *left, sotto_error *err) {
    struct stat st;
    int         code = fstat(fd, &st) != 0 || fsync(fd) != 0 ? errno : posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (code != 0)
        return sotto_fail(err, SOTTO_IO, "%s: cannot be taken out of the cache: %s", path, strerror(code));
    return count_cached(fd, (size_t)st.st_size, path, left, err);
}

sotto_status sotto_file_uncache(const char *path, uint64_t *left, sotto_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *left = 0;
    if (fd < 0) {
        int code = errno;
        return sotto_fail(err, sotto_status_from_errno(code), "%s: cannot open: %s", path, strerror(code));
    }
    sotto_status status = uncache(fd, path, left, err);
    (void)close(fd);
    return status;
}

#endif
