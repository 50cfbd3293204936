/* Writing a file so that it is whole or not there.
 *
 * The bytes go to ".NAME.XXXXXX.part" beside the destination; commit makes them durable, renames the file
 * over the destination (atomic within one folder) and makes the rename durable. The order matters: rename
 * before fsync could leave, after a power cut, the new name with none of the bytes. */
#include "os/system.h"

#include <sys/statvfs.h>

enum { SEND_BYTES = 16 << 20 };

struct sotto_writer {
    char    *path;   /* destination, links resolved */
    char    *temp;   /* what is being written */
    char    *folder; /* of both */
    uint64_t offset; /* bytes written so far, */
    uint64_t sent;   /* and of them those that are on their way to the disk */
    int      fd;
    bool     failed; /* a write failed: commit refuses */
};

static void writer_free(sotto_writer *w) {
    free(w->path);
    free(w->temp);
    free(w->folder);
    free(w);
}

/* A link as destination stays a link: the file it leads to is replaced. A link to nowhere is replaced. */
static char *resolve(const char *path) {
    char *real = realpath(path, NULL);
    return real ? real : strdup(path);
}

char *sotto_temp_path(const char *folder, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t      n = SOTTO_MIN(strlen(name), (size_t)230);
    uint64_t    random = sotto_random_seed();
    char        text[256], mark[7];
    n -= sotto_utf8_incomplete(name, n);
    for (size_t i = 0; i < 6; i++, random >>= 5) mark[i] = "abcdefghijklmnopqrstuvwxyz234567"[random % 32];
    mark[6] = '\0';
    (void)snprintf(text, sizeof text, ".%.*s.%s.part", (int)n, name, mark);
    return sotto_path_join(folder, text);
}

/* Permissions follow the file that is replaced; a new file gets what the umask leaves of 0666. */
static sotto_status create_temp(sotto_writer *w, sotto_error *err) {
    struct stat st;
    bool        exists = stat(w->path, &st) == 0;
    if (exists && !S_ISREG(st.st_mode))
        return sotto_fail(err, SOTTO_INVALID, "%s: is %s, expected a file or a new name", w->path,
                          S_ISDIR(st.st_mode) ? "a folder" : "a pipe or device");
    for (int tries = 0; tries < 100; tries++) {
        free(w->temp);
        w->temp = sotto_temp_path(w->folder, w->path);
        if (!w->temp) return sotto_fail_memory(err, "a path");
        w->fd = open(w->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (w->fd >= 0) {
            if (exists) (void)fchmod(w->fd, st.st_mode & 0777);
            return SOTTO_OK;
        }
        if (errno != EEXIST && errno != EINTR) break;
    }
    int code = errno;
    return sotto_fail(err, sotto_status_from_errno(code), "%s: cannot write into the folder %s: %s", w->path,
                      w->folder, strerror(code));
}

sotto_status sotto_writer_open(sotto_writer **out, const char *path, sotto_error *err) {
    *out = NULL;
    sotto_writer *w = calloc(1, sizeof *w);
    if (!w) return sotto_fail_memory(err, "a file writer");
    w->fd = -1;
    w->path = resolve(path);
    if (w->path) w->folder = sotto_path_parent(w->path);
    sotto_status status = w->folder ? create_temp(w, err) : sotto_fail_memory(err, "a path");
    if (status == SOTTO_OK)
        *out = w;
    else
        writer_free(w);
    return status;
}

/* `n_left` bytes of a write did not fit. */
static sotto_status fail_write(sotto_writer *w, uint64_t offset, size_t n_left, int code, sotto_error *err) {
    w->failed = true;
    if (code == ENOSPC || code == EDQUOT) {
        struct statvfs     fs;
        unsigned long long n_free = 0;
        if (fstatvfs(w->fd, &fs) == 0) n_free = (unsigned long long)fs.f_bavail * fs.f_frsize;
        return sotto_fail_at(err, SOTTO_IO, offset,
                             "%s: the disk is full: after %llu bytes the next %zu do not fit (%llu free%s);"
                             " make room or choose another folder",
                             w->path, (unsigned long long)offset, n_left, n_free,
                             code == EDQUOT ? ", but your quota is used up" : "");
    }
    return sotto_fail_at(err, SOTTO_IO, offset, "%s: cannot write byte %llu: %s", w->path,
                         (unsigned long long)offset, strerror(code));
}

static sotto_status write_at(sotto_writer *w, uint64_t offset, const void *data, size_t n_bytes,
                             sotto_error *err) {
    const uint8_t *p = data;
    while (n_bytes > 0) {
        ssize_t n = pwrite(w->fd, p, SOTTO_MIN(n_bytes, (size_t)1 << 30), (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return fail_write(w, offset, n_bytes, n < 0 ? errno : ENOSPC, err);
        p += n;
        offset += (uint64_t)n;
        n_bytes -= (size_t)n;
    }
    return SOTTO_OK;
}

/* The disk works while the rest is made; else all of it waits in memory until commit wants it written. */
static void send_to_disk(sotto_writer *w) {
#if defined(__linux__)
    if (w->offset - w->sent < SEND_BYTES) return;
    (void)sync_file_range(w->fd, (off_t)w->sent, (off_t)(w->offset - w->sent), SYNC_FILE_RANGE_WRITE);
    w->sent = w->offset;
#else
    (void)w;
#endif
}

sotto_status sotto_writer_write(sotto_writer *w, const void *data, size_t n_bytes, sotto_error *err) {
    SOTTO_TRY(write_at(w, w->offset, data, n_bytes, err));
    w->offset += n_bytes;
    send_to_disk(w);
    return SOTTO_OK;
}

sotto_status sotto_writer_rewrite(sotto_writer *w, uint64_t offset, const void *data, size_t n_bytes,
                                  sotto_error *err) {
    if (offset > w->offset || n_bytes > w->offset - offset)
        return sotto_fail(err, SOTTO_INVALID, "%s: bytes %llu to %llu are not written yet", w->path,
                          (unsigned long long)offset, (unsigned long long)offset + n_bytes);
    return write_at(w, offset, data, n_bytes, err);
}

uint64_t sotto_writer_offset(const sotto_writer *w) { return w->offset; }

/* Down to the platter. On macOS fsync stops at the drive's cache; F_FULLFSYNC goes on, where it is known. */
static int sync_fully(int fd) {
    int rc;
#if defined(__APPLE__)
    if (fcntl(fd, F_FULLFSYNC) == 0) return 0;
#endif
    do
        rc = fsync(fd);
    while (rc != 0 && errno == EINTR);
    return rc;
}

int sotto_sync_folder(const char *folder) {
    int fd = open(folder, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == EACCES ? 0 : -1;
    int rc = sync_fully(fd), code = errno;
    (void)close(fd);
    errno = code;
    return rc == 0 || code == EINVAL || code == ENOTSUP ? 0 : -1;
}

static sotto_status finish(sotto_writer *w, sotto_error *err) {
    if (w->failed)
        return sotto_fail(err, SOTTO_IO, "%s: not finished, because an earlier write failed", w->path);
    if (sync_fully(w->fd) != 0) return fail_write(w, w->offset, 0, errno, err);
    int rc = close(w->fd);
    w->fd = -1;
    if (rc != 0 && errno != EINTR) return fail_write(w, w->offset, 0, errno, err);
    if (rename(w->temp, w->path) != 0)
        return sotto_fail(err, SOTTO_IO, "%s: cannot give the finished file its name: %s", w->path,
                          strerror(errno));
    free(w->temp);
    w->temp = NULL;
    if (sotto_sync_folder(w->folder) != 0)
        return sotto_fail(err, SOTTO_IO, "%s: is written, but its folder cannot be synced: %s", w->path,
                          strerror(errno));
    return SOTTO_OK;
}

sotto_status sotto_writer_commit(sotto_writer *w, sotto_error *err) {
    sotto_status status = finish(w, err);
    sotto_writer_close(w);
    return status;
}

void sotto_writer_close(sotto_writer *w) {
    if (!w) return;
    if (w->fd >= 0) (void)close(w->fd);
    if (w->temp) (void)unlink(w->temp);
    writer_free(w);
}
