/* Whole files, read-only: mapped where possible, read into memory otherwise. */
#include "os/system.h"

#include <sys/mman.h>

/* Read all `f->size` bytes; a file that turns out shorter is an error, not a file with zeros at its end. */
static sotto_status read_whole(sotto_file *f, int fd, const char *path, sotto_error *err) {
    uint8_t *data = sotto_aligned_alloc(f->size);
    if (!data) return sotto_fail(err, SOTTO_NO_MEMORY, "%s: out of memory for its %zu bytes", path, f->size);
    f->data = data;
    for (size_t done = 0; done < f->size;) {
        size_t  part = SOTTO_MIN(f->size - done, (size_t)1 << 30);
        ssize_t n = read(fd, data + done, part);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return sotto_fail_at(err, SOTTO_IO, done, "%s: cannot read byte %zu: %s", path, done,
                                 strerror(errno));
        if (n == 0)
            return sotto_fail_at(err, SOTTO_IO, done,
                                 "%s: ends at byte %zu of %zu: another program is changing it", path, done,
                                 f->size);
        done += (size_t)n;
    }
    return SOTTO_OK;
}

static sotto_status load(sotto_file *f, int fd, const char *path, bool map, sotto_error *err) {
    struct stat st;
    if (fstat(fd, &st) != 0) return sotto_fail(err, SOTTO_IO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) return sotto_fail(err, SOTTO_INVALID, "%s: is a folder, expected a file", path);
    if (!S_ISREG(st.st_mode))
        return sotto_fail(err, SOTTO_INVALID, "%s: is a pipe or device, expected a file on a disk", path);
    if ((uint64_t)st.st_size > SIZE_MAX / 2)
        return sotto_fail(err, SOTTO_LIMIT, "%s: %lld bytes are more than this system can address", path,
                          (long long)st.st_size);
    f->size = (size_t)st.st_size;
    if (f->size == 0) return SOTTO_OK;
    if (map) {
        void *p = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p != MAP_FAILED) {
            f->data = p;
            f->mapped = true;
            return SOTTO_OK;
        }
    }
    return read_whole(f, fd, path, err);
}

sotto_status sotto_file_open(sotto_file *out, const char *path, bool map, sotto_error *err) {
    int fd;
    *out = (sotto_file){0};
    do /* O_NONBLOCK: opening a FIFO must fail with a message, not wait for a writer */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        int code = errno;
        return sotto_fail(err, sotto_status_from_errno(code), "%s: cannot open: %s", path, strerror(code));
    }
    sotto_status status = load(out, fd, path, map, err);
    (void)close(fd);
    if (status != SOTTO_OK) sotto_file_close(out);
    return status;
}

void sotto_file_close(sotto_file *f) {
    if (f->mapped)
        (void)munmap((void *)(uintptr_t)f->data, f->size);
    else
        sotto_aligned_free((void *)(uintptr_t)f->data);
    *f = (sotto_file){0};
}

/* The address of a range of a mapped file, its length cut to the file's end; NULL: nothing to advise. */
static uint8_t *mapped_range(const sotto_file *f, size_t offset, size_t *n_bytes) {
    if (!f->mapped || offset >= f->size) return NULL;
    *n_bytes = SOTTO_MIN(*n_bytes, f->size - offset);
    return (uint8_t *)(uintptr_t)f->data + offset;
}

static void advise(const sotto_file *f, size_t offset, size_t n_bytes, int advice) {
    uint8_t *p = mapped_range(f, offset, &n_bytes);
    if (!p || n_bytes == 0) return;
    uintptr_t begin = sotto_pages_around((uintptr_t)p, &n_bytes);
    (void)madvise((void *)begin, n_bytes, advice);
}

void sotto_file_advise_sequential(const sotto_file *f, size_t offset, size_t n_bytes) {
    advise(f, offset, n_bytes, MADV_SEQUENTIAL);
    advise(f, offset, n_bytes, MADV_WILLNEED);
}

void sotto_file_advise_random(const sotto_file *f, size_t offset, size_t n_bytes) {
    advise(f, offset, n_bytes, MADV_RANDOM);
}

/* Only pages wholly inside: a neighbour's bytes on a shared page may still be in use. The mapping is private,
 * read-only and so clean: dropped pages come back from the file. */
void sotto_file_advise_done(const sotto_file *f, size_t offset, size_t n_bytes) {
    uint8_t *p = mapped_range(f, offset, &n_bytes);
    if (!p) return;
    uintptr_t begin = sotto_pages_inside((uintptr_t)p, &n_bytes);
    if (n_bytes) (void)madvise((void *)begin, n_bytes, MADV_DONTNEED);
}
