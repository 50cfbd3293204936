/* The C library's files for libsndfile. */
#include "audio/sndfile_io.h"

#include <limits.h>

static sf_count_t file_seek(sf_count_t offset, int whence, void *arg) {
    FILE *f = arg;
    if (offset < LONG_MIN || offset > LONG_MAX || fseek(f, (long)offset, whence) != 0) return -1;
    return ftell(f);
}

static sf_count_t file_tell(void *arg) { return ftell(arg); }

static sf_count_t file_size(void *arg) {
    sf_count_t here = file_tell(arg), size = file_seek(0, SEEK_END, arg);
    return here < 0 || file_seek(here, SEEK_SET, arg) < 0 ? -1 : size;
}

static sf_count_t file_read(void *out, sf_count_t n, void *arg) {
    return n > 0 ? (sf_count_t)fread(out, 1, (size_t)n, arg) : 0;
}

static sf_count_t file_write(const void *data, sf_count_t n, void *arg) {
    return n > 0 ? (sf_count_t)fwrite(data, 1, (size_t)n, arg) : 0;
}

SF_VIRTUAL_IO sotto_sndfile_io = {file_size, file_seek, file_read, file_write, file_tell};
